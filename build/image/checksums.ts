import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../error.ts';
import { writeFileAtomically } from '../process/atomic-write.ts';

/** Name of the file with the checksums of a folder, in the format of sha256sum(1). */
export const CHECKSUMS_FILE = 'SHA256SUMS';

/**
 * Puts checksums into a folder's `SHA256SUMS`; those of other files that are still there stay.
 * @param fresh file name in the folder → SHA-256 in hex
 * @throws BuildError if the present `SHA256SUMS` has a line that is not one of sha256sum(1)
 */
export async function updateChecksums(
  directory: string,
  fresh: Readonly<Record<string, string>>,
): Promise<void> {
  const file = join(directory, CHECKSUMS_FILE);
  const present = existsSync(file) ? parseChecksums(readFileSync(file, 'utf8'), file) : {};
  const kept = Object.entries(present).filter(([name]) => existsSync(join(directory, name)));
  const all = { ...Object.fromEntries(kept), ...fresh };
  const lines = Object.keys(all).sort();
  await writeFileAtomically(file, lines.map((name) => `${all[name]}  ${name}\n`).join(''));
}

/**
 * Parses a file of checksums.
 * @returns file name → SHA-256 in hex
 * @throws BuildError naming the first line that cannot be read
 */
export function parseChecksums(text: string, where: string): Record<string, string> {
  const checksums: Record<string, string> = {};
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const [, hash, name] = /^([0-9a-f]{64}) [ *]([^/\0]+)$/.exec(line) ?? [];
    if (hash === undefined || name === undefined) {
      throw new BuildError({
        what: `line ${index + 1} is not "<SHA-256>  <file>"`,
        where,
        fix: 'Delete the file; the next build writes it again.',
      });
    }
    checksums[name] = hash;
  }
  return checksums;
}
