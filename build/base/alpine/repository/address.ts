import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BuildError } from '../../../error.ts';

/** The location of a repository. */
export interface RepositoryAddress {
  /** `http:`, `https:` or `file:`, without a trailing slash. */
  readonly url: string;
  /** Tag that pins packages to it, without `@`; empty for none. */
  readonly tag: string;
}

/**
 * Parses a repository as a user writes it: a folder or an address, optionally preceded by a tag, as in apk's
 * `/etc/apk/repositories` (`@edge https://…`).
 * @throws BuildError if it is an address of another kind
 */
export function parseRepositoryAddress(text: string): RepositoryAddress {
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
 * Returns the address of a file in a repository: `<repository>/<architecture>/<file>`.
 * @throws BuildError if architecture or file would lead to another path
 */
export function makeFileAddress(url: string, architecture: string, file: string): string {
  for (const part of [architecture, file]) {
    if (/^\.*$|[/\\\0]/.test(part)) {
      throw new BuildError({
        what: `${JSON.stringify(part.slice(0, 120))} cannot be part of an address`,
        where: url,
        fix: 'The index is damaged or hostile; use another mirror.',
      });
    }
  }
  // Encoded, because S3-compatible stores read a plain `+` as a blank.
  return `${url}/${encodeURIComponent(architecture)}/${encodeURIComponent(file)}`;
}
