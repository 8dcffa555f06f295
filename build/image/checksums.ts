import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BuildError } from '../error.ts';
import { writeFileAtomically } from '../process/atomic-write.ts';
import { errorCode } from '../process/errno.ts';
import { withFileLock } from '../process/file-lock.ts';

/** File name of the checksums of a dist folder. */
export const CHECKSUMS = 'SHA256SUMS';

/** File name → SHA-256 in hex. */
export type Checksums = ReadonlyMap<string, string>;

/**
 * Reads checksums as sha256sum(1) writes them: hex digest, a space, a space or `*`, file name.
 * @param where file, for the message
 * @throws BuildError naming the line that is malformed, leaves the folder, or comes twice with another digest
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

/** The text of a checksum file, sorted by file name. */
export function formatChecksums(checksums: Checksums): string {
  const lines = [...checksums].map(([name, sha256]) => `${sha256}  ${checkedName(name)}\n`);
  return lines.sort((a, b) => (a.slice(64) < b.slice(64) ? -1 : 1)).join('');
}

/**
 * The checksums of a folder; none if it has no `SHA256SUMS`, or is not there.
 * @throws BuildError if the file is malformed
 */
export async function readChecksums(directory: string): Promise<Checksums> {
  const path = join(directory, CHECKSUMS);
  return parseChecksums(await textIfThere(path), path);
}

/**
 * Enters files into a folder's `SHA256SUMS`, one process at a time. Lines of other files stay as long as the files
 * exist.
 * @param changed file name → SHA-256 in hex
 * @throws BuildError if the present file is malformed
 */
export async function updateChecksums(
  directory: string,
  changed: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<void> {
  const update = async () => {
    const present = new Set(await readdir(directory));
    const kept = [...(await readChecksums(directory))].filter(([name]) => present.has(name));
    const text = formatChecksums(new Map([...kept, ...Object.entries(changed)]));
    await writeFileAtomically(join(directory, CHECKSUMS), text);
  };
  const file = join(directory, `.${CHECKSUMS}.lock`);
  await withFileLock({ file, kind: 'exclusive', signal }, update);
}

async function textIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/** sha256sum(1) escapes these names; none of ours has them. */
function checkedName(name: string): string {
  if (/^[^\0/\\\n\r]+$/.test(name)) return name;
  throw new BuildError({ what: `file name ${JSON.stringify(name)} cannot have a checksum line` });
}

function malformed(line: number, why: string, where: string): BuildError {
  return new BuildError({
    what: `line ${line} ${why}`,
    where,
    fix: 'Correct or delete the file; the next build writes it.',
  });
}
