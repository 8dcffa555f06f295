import { ExplainedError } from '../explained-error.ts';

/** Name of the checksum file in a folder with images. */
export const CHECKSUMS = 'SHA256SUMS';

/** File name → SHA-256 in hex. */
export type Checksums = ReadonlyMap<string, string>;

/**
 * Parses checksums in the format of sha256sum(1): hex digest, a space, a space or `*`, file name.
 * @param where the file, for the message
 * @throws ExplainedError naming the line that is malformed, has a path outside the folder, or repeats a name with
 *   another digest
 */
export function parseChecksums(text: string, where: string): Checksums {
  const checksums = new Map<string, string>();
  for (const [at, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const [, sha256, name] = /^([0-9a-f]{64}) [ *]([^\0\r/\\]+)$/.exec(line) ?? [];
    if (sha256 === undefined || name === undefined || name === '.' || name === '..') {
      throw malformed(at + 1, 'is not "<SHA-256 in hex>  <file name>"', where);
    }
    if ((checksums.get(name) ?? sha256) !== sha256) {
      throw malformed(at + 1, `gives ${name} a second SHA-256`, where);
    }
    checksums.set(name, sha256);
  }
  return checksums;
}

/** Formats a checksum file, sorted by file name. */
export function formatChecksums(checksums: Checksums): string {
  const lines = [...checksums].map(([name, sha256]) => `${sha256}  ${checkedName(name)}\n`);
  return lines.sort((a, b) => (a.slice(64) < b.slice(64) ? -1 : 1)).join('');
}

/** Refuses names that sha256sum(1) would escape; the builder's own names need no escaping. */
function checkedName(name: string): string {
  if (/^[^\0/\\\n\r]+$/.test(name)) return name;
  throw new ExplainedError({
    what: `file name ${JSON.stringify(name)} cannot have a checksum line`,
  });
}

function malformed(line: number, why: string, where: string): ExplainedError {
  return new ExplainedError({
    what: `line ${line} ${why}`,
    where,
    fix: 'Correct or delete the file; the next build writes it.',
  });
}
