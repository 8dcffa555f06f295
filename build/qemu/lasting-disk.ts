import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { BuildError } from '../error.ts';
import { makeAtomically } from '../process/atomic-write.ts';
import { run } from '../process/run.ts';

/** A disk that is kept after its machine ends, as specified by the user. */
export interface LastingDisk {
  /** Serial number in the guest, and name of the file: at most 20 of a-z 0-9 -. */
  name: string;
  /** Size in bytes; if absent, the disk must exist. */
  size?: number | undefined;
}

/** Powers of 1024, as in qemu-img(1). */
const UNITS: Readonly<Record<string, number>> = { M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** The fields of `qemu-img info --output=json` that are read. */
const infoSchema = z.object({ 'virtual-size': z.number() });

/**
 * Parses `NAME=SIZE` or `NAME`: `data=20G`, `data`.
 * @throws BuildError if it is malformed
 */
export function parseLastingDisk(text: string): LastingDisk {
  // A virtio disk's serial number has 20 bytes (virtio 1.2, 5.2.6).
  const match = /^([a-z0-9][a-z0-9-]{0,19})(?:=(\d{1,6})([MGT]))?$/.exec(text);
  if (match === null) {
    throw new BuildError({
      what: `${JSON.stringify(text)} is not a disk`,
      where: '--disk',
      fix: 'Write a name (a-z, 0-9, -) and a size in M, G or T: --disk data=20G. The name alone is for a disk that is there.',
    });
  }
  const [, name = '', number, unit = ''] = match;
  const size = number === undefined ? undefined : Number(number) * (UNITS[unit] ?? 0);
  if (size !== 0) return { name, size };
  throw new BuildError({ what: 'a disk needs a size above zero', where: `--disk ${text}` });
}

/**
 * Makes sure that a disk exists: creates an empty sparse qcow2 if needed.
 * @param folder folder of its file, `NAME.qcow2`; created if needed
 * @returns path of the file
 * @throws BuildError if it exists with another size, if it does not exist and no size is given, or if qemu-img fails
 */
export async function ensureLastingDisk(
  { name, size }: LastingDisk,
  { folder, signal }: { folder: string; signal?: AbortSignal | undefined },
): Promise<string> {
  const file = join(folder, `${name}.qcow2`);
  if (existsSync(file)) {
    const text = await run('qemu-img', ['info', '--force-share', '--output=json', file], {
      signal,
    });
    const there = infoSchema.parse(JSON.parse(text))['virtual-size'];
    if (size === undefined || size === there) return file;
    throw new BuildError({
      what: `the disk ${name} is there, and has ${there} bytes, not ${size}`,
      where: file,
      fix: `Leave out the size: --disk ${name}. Or enlarge the file with qemu-img resize, or remove it.`,
    });
  }
  if (size === undefined) {
    throw new BuildError({
      what: `there is no disk ${name}`,
      where: file,
      fix: `Give a size to create it: --disk ${name}=20G`,
    });
  }
  await mkdir(dirname(file), { recursive: true });
  await makeAtomically(file, async (temporary) => {
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', temporary, String(size)], { signal });
  });
  return file;
}
