import { BuildError } from '../../../error.ts';
import {
  formatDependency,
  hasValidVersion,
  makePlainDependency,
  parseAtoms,
} from '../dependency/dependency.ts';
import { readSolverFields, type Stanza } from '../index/stanza.ts';
import { canonicalizeIdentity } from './identity.ts';
import type { Installed, Name, Package, Requirement } from './model.ts';
import type { Tags } from './tags.ts';

/** The architecture of packages that fit every machine. */
const ANY_CPU = 'noarch';

/** Shared by all packages of one database. */
export interface PackageContext {
  readonly intern: (name: string) => Name;
  /** Architecture of the system; `undefined` if any is accepted. */
  readonly architecture: string | undefined;
}

/**
 * Returns the identity of a stanza's package: `C:`, or name and version if that is missing.
 * @throws BuildError if it has no name or version, or its identity cannot be read
 */
export function readIdentity(stanza: Stanza, where: string): string {
  const { P: name = '', V: version = '', C: text } = readSolverFields(stanza);
  const place = () => `${where}, line ${stanza.line}`;
  if (name === '' || version === '') throw damaged('a package without name or version', place());
  if (text === undefined) return `${name}-${version}`;
  const identity = canonicalizeIdentity(text);
  if (identity !== undefined) return identity;
  throw damaged(`the identity of ${name} is not valid: ${JSON.stringify(text)}`, place());
}

/** What a package is made from. */
export type PackageSource = Pick<Stanza, 'fields' | 'picked'>;

/** Makes a package from a stanza that `readIdentity` has accepted. */
export function readPackage(
  source: PackageSource,
  own: Pick<Package, 'id' | 'identity'>,
  context: PackageContext,
): Package {
  return new ReadPackage(source, own, context);
}

/** Reads the fields that only stanzas of the installed database have. */
export function readInstalled(stanza: Stanza, tags: Tags): Installed {
  const { f: flags = '', s: tag = '' } = readSolverFields(stanza);
  return {
    tag: tags.number(tag),
    broken: flags.includes('f') || flags.includes('s'),
    brokenAttributes: flags.includes('x'),
  };
}

const NONE: readonly Requirement[] = [];
const NOTHING = { atoms: NONE, unreadable: undefined };

/** A package whose dependencies are parsed on first use, which for most packages of an index never happens. */
class ReadPackage implements Package {
  readonly name: Name;
  readonly id: number;
  readonly version: string;
  readonly identity: string;
  readonly installedSize: number;
  readonly provides: readonly Requirement[];
  readonly installIf: readonly Requirement[];
  readonly providerPriority: number;
  readonly architecture: string;
  repositories = 0;
  cached = false;
  installed: Installed | undefined = undefined;
  readonly #source: PackageSource;
  readonly #context: PackageContext;
  #depends: ReturnType<typeof listOf> | undefined = undefined;

  constructor(
    source: PackageSource,
    { id, identity }: Pick<Package, 'id' | 'identity'>,
    context: PackageContext,
  ) {
    const fields = readSolverFields(source);
    this.#source = source;
    this.#context = context;
    this.id = id;
    this.identity = identity;
    this.name = context.intern(fields.P ?? '');
    this.version = fields.V ?? '';
    this.architecture = fields.A ?? '';
    this.installedSize = numberOf(fields.I);
    this.providerPriority = numberOf(fields.k);
    this.provides = listOf(fields.p, context).atoms;
    const installIf = listOf(fields.i, context);
    this.installIf = firstDefect(installIf) === undefined ? installIf.atoms : NONE;
  }

  get fields(): Stanza['fields'] {
    return this.#source.fields;
  }

  get depends(): readonly Requirement[] {
    return (this.#depends ?? this.#readDepends()).atoms;
  }

  get defect(): string | undefined {
    const unreadable = firstDefect(this.#depends ?? this.#readDepends());
    if (unreadable !== undefined) {
      return `its dependency ${JSON.stringify(unreadable)} cannot be read`;
    }
    const { unknown } = readSolverFields(this.#source);
    if (unknown !== undefined) return `its field ${unknown}: is unknown`;
    const { architecture } = this.#context;
    const own = this.architecture;
    if (architecture === undefined || ['', ANY_CPU, architecture].includes(own)) return undefined;
    return `it is for ${own}, not ${architecture}`;
  }

  #readDepends(): ReturnType<typeof listOf> {
    this.#depends = listOf(readSolverFields(this.#source).D, this.#context);
    return this.#depends;
  }
}

function listOf(
  text: string | undefined,
  { intern }: PackageContext,
): { readonly atoms: readonly Requirement[]; readonly unreadable: string | undefined } {
  return text === undefined ? NOTHING : parseAtoms(text, intern, plainOf);
}

/** The dependency on any version of a name. */
function plainOf(name: Name): Requirement {
  name.plain ??= makePlainDependency(name);
  return name.plain;
}

/** Returns the first invalid element of a list: unreadable, with a repository tag, or with an invalid version. */
function firstDefect({ atoms, unreadable }: ReturnType<typeof listOf>): string | undefined {
  if (unreadable !== undefined) return unreadable;
  for (const atom of atoms) {
    if (atom.version === undefined && atom.tag === undefined) continue;
    if (atom.tag !== undefined || !hasValidVersion(atom)) return formatDependency(atom);
  }
  return undefined;
}

/** Parses the leading digits of a value, as apk reads numbers; 0 if there are none. */
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
