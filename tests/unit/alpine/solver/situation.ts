import { createHash } from 'node:crypto';
import { type RepositorySource, simulate } from '../../../../build/base/alpine/applets/simulate.ts';

/** Packages as text, separated by blank lines: the first line has name and version, the others are fields. */
type Packages = string;

/** A small system, as a test describes it. */
export interface Given {
  world?: string;
  installed?: Packages;
  cache?: Packages;
  /** Tag (`''` for none) and packages, in the order of their lines in `/etc/apk/repositories`. */
  repositories?: readonly (readonly [tag: string, packages: Packages])[];
  /** One repository without a tag. */
  repository?: Packages;
  architecture?: string;
}

/** Returns the output of `qx-build apk solve` for a system. */
export function outcome(given: Given, words: string): string[] {
  const repositories = given.repositories ?? [['', given.repository ?? '']];
  return simulate(
    {
      architecture: given.architecture,
      world: { text: given.world ?? '', where: 'world' },
      installed: { text: index(given.installed ?? ''), where: 'installed' },
      cache: given.cache === undefined ? undefined : { text: index(given.cache), where: 'cache' },
      repositories: repositories.map(
        ([tag, packages]): RepositorySource => ({ tag, text: index(packages), where: packages }),
      ),
    },
    words.split(' '),
  );
}

/** The changes of `outcome`, without details of errors. */
export function changes(given: Given, words: string): string[] {
  return outcome(given, words).filter((line) => !line.startsWith('|'));
}

/** The details of an error. */
export function details(given: Given, words: string): string {
  return outcome(given, words)
    .filter((line) => line.startsWith('|'))
    .map((line) => line.slice(2))
    .join('\n');
}

/**
 * Makes an index from packages as tests write them: `app 2` and lines such as `D:lib`. The identity is derived from
 * this text without the fields that only the installed database has, so that the same text is the same package
 * everywhere.
 */
export function index(packages: Packages): string {
  return packages
    .split(/\n\s*\n/)
    .map((block) => block.trim().split(/\s*\n\s*/))
    .filter(([head]) => head !== undefined && head !== '')
    .map(([head = '', ...fields]) => {
      const [name, version] = head.split(' ');
      const own = [head, ...fields.filter((field) => !/^[sf]:/.test(field))].join('\n');
      const sha1 = createHash('sha1').update(own).digest('base64');
      return [`C:Q1${sha1}`, `P:${name}`, `V:${version}`, 'S:1', 'I:1', ...fields, ''].join('\n');
    })
    .join('\n');
}
