import { BuildError } from '../../../error.ts';
import { parseAtom, splitList } from '../dependency/dependency.ts';
import type { Stanza } from '../index/stanza.ts';
import { canonicalIdentity } from './identity.ts';
import type { Installed, Name, Package, Requirement } from './model.ts';
import type { Tags } from './tags.ts';

/** The architecture of packages for every CPU. */
const ANY_CPU = 'noarch';

/** A package as read, before it is known whether it is new. */
export type PackageDraft = Omit<Package, 'id' | 'repositories' | 'cached' | 'installed'>;

/** With what a stanza is made a package. */
export interface PackageContext {
  readonly intern: (name: string) => Name;
  /** CPU of the system; `undefined` if any will do. */
  readonly architecture: string | undefined;
  /** The file, for messages. */
  readonly where: string;
}

/**
 * Makes a package of a stanza.
 * @throws BuildError if it has no name or version, or its identity cannot be read
 */
export function packageOf(stanza: Stanza, context: PackageContext): PackageDraft {
  const { fields } = stanza;
  const name = fields.get('P') ?? '';
  const version = fields.get('V') ?? '';
  const where = `${context.where}, line ${stanza.line}`;
  if (name === '' || version === '') throw damaged(`a package without name or version`, where);
  const identity = identityOf(fields, where);
  const depends = listOf(fields, 'D', context);
  const provides = listOf(fields, 'p', context);
  const installIf = listOf(fields, 'i', context);
  return {
    name: context.intern(name),
    version,
    identity,
    architecture: fields.get('A') ?? '',
    installedSize: numberOf(fields.get('I')),
    depends: depends.atoms,
    provides: provides.atoms,
    installIf: installIf.unreadable === undefined ? installIf.atoms : [],
    providerPriority: numberOf(fields.get('k')),
    defect: defectOf({ fields, unreadable: depends.unreadable }, context),
    fields,
  };
}

function defectOf(
  { fields, unreadable }: { fields: Stanza['fields']; unreadable: string | undefined },
  { architecture }: PackageContext,
): string | undefined {
  if (unreadable !== undefined) {
    return `its dependency ${JSON.stringify(unreadable)} cannot be read`;
  }
  const own = fields.get('A') ?? ANY_CPU;
  if (architecture === undefined || own === ANY_CPU || own === architecture) return undefined;
  return `it is for ${own}, not ${architecture}`;
}

/** What a stanza of the installed database says besides. */
export function installedOf({ fields }: Stanza, tags: Tags): Installed {
  const flags = fields.get('f') ?? '';
  return {
    tag: tags.number(fields.get('s') ?? ''),
    broken: flags.includes('f') || flags.includes('s'),
    brokenAttributes: flags.includes('x'),
  };
}

function identityOf(fields: ReadonlyMap<string, string>, where: string): string {
  const text = fields.get('C');
  if (text === undefined) return `${fields.get('P')}-${fields.get('V')}`;
  const identity = canonicalIdentity(text);
  if (identity !== undefined) return identity;
  throw damaged(`the identity of ${fields.get('P')} is not one: ${JSON.stringify(text)}`, where);
}

const NONE: readonly Requirement[] = [];

function listOf(
  fields: ReadonlyMap<string, string>,
  letter: string,
  { intern }: PackageContext,
): { atoms: readonly Requirement[]; unreadable: string | undefined } {
  const text = fields.get(letter);
  if (text === undefined) return { atoms: NONE, unreadable: undefined };
  const atoms: Requirement[] = [];
  let unreadable: string | undefined;
  for (const part of splitList(text)) {
    const atom = parseAtom(part, intern);
    if (atom === undefined) unreadable ??= part;
    else atoms.push(atom);
  }
  return { atoms, unreadable };
}

/** Digits at the beginning of a value, as apk reads numbers; 0 without any. */
function numberOf(text: string | undefined): number {
  const digits = /^[0-9]{1,15}/.exec(text ?? '')?.[0];
  return digits === undefined ? 0 : Number(digits);
}

function damaged(what: string, where: string): BuildError {
  return new BuildError({
    what,
    where,
    fix: 'The file is damaged; fetch it again or use another mirror.',
  });
}
