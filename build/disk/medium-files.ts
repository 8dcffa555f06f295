import { ExplainedError } from '../explained-error.ts';

/**
 * The list of a medium's files, in the format of sha256sum(1), for `sha256sum -c` in the medium's root. It lists all files
 * but itself and GRUB's image for BIOS, which is patched while the medium is written.
 */

/** Absolute path on the medium → SHA-256, hex. */
export type FileHashes = ReadonlyMap<string, string>;

const LINE = /^([0-9a-f]{64}) {2}((?:[0-9A-Za-z_][0-9A-Za-z._-]*\/)*[0-9A-Za-z_][0-9A-Za-z._-]*)$/;

/** Formats the list, sorted by path. @throws ExplainedError if the list cannot contain a path */
export function formatMediumFiles(files: FileHashes): string {
  return [...files]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([path, sha256]) => {
      const line = `${sha256}  ${path.replace(/^\//, '')}`;
      if (path.startsWith('/') && LINE.test(line)) return `${line}\n`;
      throw new ExplainedError({ what: `${path} cannot be listed among a medium's files` });
    })
    .join('');
}

/**
 * Parses the list.
 * @param where its path, for errors
 * @throws ExplainedError if it is empty, truncated, or has a malformed line
 */
export function parseMediumFiles(text: string, where: string): FileHashes {
  const files = new Map<string, string>();
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines.length === 0) throw damaged('its end is missing', where);
  for (const [at, line] of lines.entries()) {
    const [, sha256, path] = LINE.exec(line) ?? [];
    if (sha256 === undefined || path === undefined || files.has(`/${path}`)) {
      throw damaged(`line ${at + 1} is not a checksum line`, where);
    }
    files.set(`/${path}`, sha256);
  }
  return files;
}

function damaged(why: string, where: string): ExplainedError {
  return new ExplainedError({
    what: `the list of the medium's files is damaged: ${why}`,
    where,
    fix: 'Write the medium anew, or use another one.',
  });
}
