import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BuildError } from '../../../error.ts';

/** Where a repository is. */
export interface RepositoryAddress {
  /** `http:`, `https:` or `file:`, without a slash at its end. */
  readonly url: string;
  /** Tag by which packages are pinned to it, without `@`; empty for none. */
  readonly tag: string;
}

/**
 * Reads a repository as a user names it: a folder or an address, and before it the tag, as in apk's
 * `/etc/apk/repositories` (`@edge https://…`).
 * @throws BuildError if it is an address of another kind
 */
export function repositoryAddress(text: string): RepositoryAddress {
  const [, tag = '', place = text] = /^@(\S+)[ \t]+(.+)$/.exec(text) ?? [];
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(place)?.[1]?.toLowerCase();
  if (scheme === undefined) return { tag, url: withoutSlash(pathToFileURL(resolve(place)).href) };
  if (['http', 'https', 'file'].includes(scheme) && URL.canParse(place)) {
    return { tag, url: withoutSlash(place) };
  }
  throw new BuildError({
    what: 'it is not the address of a repository',
    where: text,
    fix: 'Name a folder, or an address that starts with http://, https:// or file://.',
  });
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

/**
 * Address of a file of a repository: `<repository>/<architecture>/<file>`.
 * @throws BuildError if architecture or file could lead elsewhere
 */
export function fileAddress(url: string, architecture: string, file: string): string {
  for (const part of [architecture, file]) {
    if (/^\.*$|[/\\\0]/.test(part)) {
      throw new BuildError({
        what: `${JSON.stringify(part.slice(0, 120))} cannot be part of an address`,
        where: url,
        fix: 'The index is damaged or hostile; use another mirror.',
      });
    }
  }
  // Stores in the manner of S3 take a plain `+` for a blank.
  return `${url}/${encodeURIComponent(architecture)}/${encodeURIComponent(file)}`;
}
