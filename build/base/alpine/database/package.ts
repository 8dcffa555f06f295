import { BuildError } from '../../../error.ts';
import { formatDependency, isSound, parseAtoms } from '../dependency/dependency.ts';
import type { Stanza } from '../index/stanza.ts';
import { canonicalIdentity } from './identity.ts';
import type { Installed, Name, Package, Requirement } from './model.ts';
import type { Tags } from './tags.ts';

/** The architecture of packages for every CPU. */
const ANY_CPU = 'noarch';

/** What is needed to turn a stanza into a package. */
export interface PackageContext {
  readonly id: number;
  readonly identity: string;
  readonly intern: (name: string) => Name;
  /** CPU of the system; `undefined` if any will do. */
  readonly architecture: string | undefined;
}

/**
 * The identity of a stanza's package: `C:`, or the name and version where that is missing.
 * @throws BuildError if it has no name or version, or its identity cannot be read
 */
export function identityOf({ fields, line }: Stanza, where: string): string {
  const [name = '', version = ''] = [fields.get('P'), fields.get('V')];
  const place = `${where}, line ${line}`;
  if (name === '' || version === '') throw damaged('a package without name or version', place);
  const text = fields.get('C');
  if (text === undefined) return `${name}-${version}`;
  const identity = canonicalIdentity(text);
  if (identity !== undefined) return identity;
  throw damaged(`the identity of ${name} is not one: ${JSON.stringify(text)}`, place);
}

/** Makes a package of a stanza that `identityOf` accepted. */
export function packageOf(fields: Stanza['fields'], context: PackageContext): Package {
  return new ReadPackage(fields, context);
}

/** The fields that only a stanza of the installed database has. */
export function installedOf({ fields }: Stanza, tags: Tags): Installed {
  const flags = fields.get('f') ?? '';
  return {
    tag: tags.number(fields.get('s') ?? ''),
    broken: flags.includes('f') || flags.includes('s'),
    brokenAttributes: flags.includes('x'),
  };
}

/** Capitals among the fields that apk-tools 3 knows. */
const KNOWN_CAPITALS: ReadonlySet<string> = new Set('ACDFILMPRSTUVZ');

const NONE: readonly Requirement[] = [];
const NOTHING = { atoms: NONE, unreadable: undefined };

/** A package whose dependencies are parsed on first use: for most packages of an index that never happens. */
class ReadPackage implements Package {
  readonly name: Name;
  readonly id: number;
  readonly version: string;
  readonly identity: string;
  readonly installedSize: number;
  readonly provides: readonly Requirement[];
  readonly installIf: readonly Requirement[];
  readonly providerPriority: number;
  readonly fields: Stanza['fields'];
  repositories = 0;
  cached = false;
  installed: Installed | undefined = undefined;
  readonly #context: PackageContext;
  #depends: ReturnType<typeof listOf> | undefined = undefined;

  constructor(fields: Stanza['fields'], context: PackageContext) {
    this.fields = fields;
    this.#context = context;
    this.id = context.id;
    this.identity = context.identity;
    this.name = context.intern(fields.get('P') ?? '');
    this.version = fields.get('V') ?? '';
    this.installedSize = numberOf(fields.get('I'));
    this.providerPriority = numberOf(fields.get('k'));
    this.provides = listOf(fields.get('p'), context).atoms;
    const installIf = listOf(fields.get('i'), context);
    this.installIf = firstDefect(installIf) === undefined ? installIf.atoms : NONE;
  }

  get architecture(): string {
    return this.fields.get('A') ?? '';
  }

  get depends(): readonly Requirement[] {
    return this.#dependsList().atoms;
  }

  get defect(): string | undefined {
    const unreadable = firstDefect(this.#dependsList());
    if (unreadable !== undefined) {
      return `its dependency ${JSON.stringify(unreadable)} cannot be read`;
    }
    const unknown = unknownField(this.fields);
    if (unknown !== undefined) return `nothing is known of its field ${unknown}:`;
    const { architecture } = this.#context;
    const own = this.architecture;
    if (architecture === undefined || ['', ANY_CPU, architecture].includes(own)) return undefined;
    return `it is for ${own}, not ${architecture}`;
  }

  #dependsList(): ReturnType<typeof listOf> {
    this.#depends ??= listOf(this.fields.get('D'), this.#context);
    return this.#depends;
  }
}

function listOf(
  text: string | undefined,
  { intern }: PackageContext,
): { readonly atoms: readonly Requirement[]; readonly unreadable: string | undefined } {
  return text === undefined ? NOTHING : parseAtoms(text, intern);
}

/** The first of a list that is no dependency: it cannot be read, has the tag of a repository, or no valid version. */
function firstDefect({ atoms, unreadable }: ReturnType<typeof listOf>): string | undefined {
  if (unreadable !== undefined) return unreadable;
  for (const atom of atoms) {
    if (atom.version === undefined && atom.tag === undefined) continue;
    if (atom.tag !== undefined || !isSound(atom)) return formatDependency(atom);
  }
  return undefined;
}

/** A field that is not known and, as a capital letter, says that the package cannot do without it. */
function unknownField(fields: Stanza['fields']): string | undefined {
  for (const letter of fields.keys()) {
    if (letter >= 'A' && letter <= 'Z' && !KNOWN_CAPITALS.has(letter)) return letter;
  }
  return undefined;
}

/** Digits at the beginning of a value, as apk reads numbers; 0 without any. */
function numberOf(text: string | undefined): number {
  const number = text === undefined ? 0 : Number.parseInt(text, 10);
  return number >= 0 && number <= Number.MAX_SAFE_INTEGER ? number : 0;
}

function damaged(what: string, where: string): BuildError {
  return new BuildError({
    what,
    where,
    fix: 'The file is damaged; fetch it again or use another mirror.',
  });
}
