import { BuildError } from '../../../error.ts';
import { isValidVersion } from '../version/compare.ts';
import { ANY, CHECKSUM, EQUAL, formatOperator, parseOperator } from '../version/operator.ts';

/**
 * One atom of `depends`, `provides`, `install_if` or world: `name`, `name>=1`, `!name`, `name@tag`, `name><Q1…`. The
 * name is a text or an object that represents it.
 */
export interface Dependency<N = string> {
  readonly name: N;
  /** Bits of the operator (see version/operator.ts); `ANY` without a version. */
  readonly operator: number;
  /** The version, or the identity if the operator is `CHECKSUM`; `undefined` if there is none. */
  readonly version: string | undefined;
  /** Whether it is a conflict: `!name`. */
  readonly conflict: boolean;
  /** Tag of the repositories to take it from, without `@`. */
  readonly tag: string | undefined;
}

const ATOM = /^(!?)([^<>=~@!][^<>=~@]*)(?:@([^<>=~@]+))?(?:([<>=~]+)(.*))?$/s;
const SIGN = /[!<>=~@]/;
const OPERATOR_SIGN = /[<>=~]/;
const BLANK = /[ \n]/;
const SEPARATOR = /[ \n]+/;
const SPACE = 0x20;
const NEWLINE = 0x0a;

/**
 * Parses a list of atoms, separated by blanks or line ends.
 * @param intern returns the object that represents a name
 * @param plainOf returns the atom that is only a name; several lists may share it
 * @returns the atoms, and the first element that is no atom: without a name, or with an operator that apk does not have
 */
export function parseAtoms<N>(
  text: string,
  intern: (name: string) => N,
  plainOf: (name: N) => Dependency<N> = makePlainDependency,
): { atoms: Dependency<N>[]; unreadable: string | undefined } {
  const atoms: Dependency<N>[] = [];
  let unreadable: string | undefined;
  for (let start = 0, sign = -1, at = 0; at <= text.length; at += 1) {
    const code = at < text.length ? text.charCodeAt(at) : SPACE;
    if (code !== SPACE && code !== NEWLINE) {
      if (sign < 0 && isSign(code)) sign = at;
      continue;
    }
    if (sign >= 0) {
      const part = text.slice(start, at);
      const atom = readSigned(part, sign - start, intern);
      if (atom === undefined) unreadable ??= part;
      else atoms.push(atom);
    } else if (at > start) {
      atoms.push(plainOf(intern(text.slice(start, at))));
    }
    start = at + 1;
    sign = -1;
  }
  return { atoms, unreadable };
}

/**
 * Parses one atom.
 * @param intern returns the object that represents a name
 * @returns `undefined` if it is no atom: without a name, with an operator that apk does not have, or with blanks
 */
export function parseAtom<N>(text: string, intern: (name: string) => N): Dependency<N> | undefined {
  if (text === '' || BLANK.test(text)) return undefined;
  const at = text.search(SIGN);
  return at < 0 ? makePlainDependency(intern(text)) : readSigned(text, at, intern);
}

/**
 * Parses an atom that is more than a name. Most atoms of an index are names with `=`, which have a fast path.
 * @param at position of the first sign
 */
function readSigned<N>(
  text: string,
  at: number,
  intern: (name: string) => N,
): Dependency<N> | undefined {
  if (at > 0 && text[at] === '=' && !OPERATOR_SIGN.test(text.charAt(at + 1))) {
    const version = text.slice(at + 1);
    const name = intern(text.slice(0, at));
    return { name, operator: EQUAL, version, conflict: false, tag: undefined };
  }
  const [, bang, name, tag, sign, version] = ATOM.exec(text) ?? [];
  const operator = sign === undefined ? ANY : parseOperator(sign);
  if (name === undefined || operator === undefined) return undefined;
  return { name: intern(name), operator, version, conflict: bang === '!', tag };
}

/** Returns the atom that is only a name. */
export function makePlainDependency<N>(name: N): Dependency<N> {
  return { name, operator: ANY, version: undefined, conflict: false, tag: undefined };
}

/** Whether a character is one of `SIGN`. */
function isSign(code: number): boolean {
  return (code >= 0x3c && code <= 0x40 && code !== 0x3f) || code === 0x21 || code === 0x7e;
}

/** Splits a list at blanks and line ends. */
export function splitList(text: string): string[] {
  const parts = text.includes('\n') ? text.split(SEPARATOR) : text.split(' ');
  return parts.includes('') ? parts.filter((part) => part !== '') : parts;
}

/** Whether an atom has no version, or one that is valid by apk's rules. */
export function hasValidVersion({ operator, version }: Dependency<unknown>): boolean {
  return version === undefined || operator === CHECKSUM || isValidVersion(version);
}

/**
 * Parses a dependency written by a user.
 * @param where the file or option that it comes from, for messages
 * @throws BuildError if it is malformed, or its version is invalid by apk's rules
 */
export function parseDependency(text: string, where: string): Dependency {
  const dependency = parseAtom(text, (name) => name);
  if (dependency !== undefined && hasValidVersion(dependency)) return dependency;
  throw new BuildError({
    what: `${JSON.stringify(text)} is not a valid dependency`,
    where,
    fix: 'Write name, name@tag, name=1.2-r3 (also < > <= >= ~), or !name.',
  });
}

/** Formats a dependency as apk does, with its tag: `name@tag>=1`. */
export function formatDependency({
  name,
  operator,
  version,
  conflict,
  tag,
}: Dependency<string | { readonly name: string }>): string {
  const text = typeof name === 'string' ? name : name.name;
  const wanted = version === undefined ? '' : `${formatOperator(operator)}${version}`;
  return `${conflict ? '!' : ''}${text}${tag === undefined ? '' : `@${tag}`}${wanted}`;
}
