import { open, readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { BuildError } from '../error.ts';
import { run } from '../process/run.ts';
import { compareFat } from '../readback/fat.ts';
import { assertNone } from '../readback/verdict.ts';

const MIB = 1024 * 1024;
const SECTOR = 512;

/**
 * Code of the boot sector, 62 bytes into it: interrupt 18h, by which a BIOS goes on to the next device, and then nothing. What
 * mtools writes there loads the same sector again, for ever, where it is on the first disk that a BIOS tries.
 */
const [BOOT_CODE_AT, BOOT_CODE_SPACE] = [62, 448];
const BOOT_CODE = Buffer.from('cd18f4ebfd', 'hex');

/** Room left on the file system. */
const SPARE_BYTES = MIB;

export interface FatRequest {
  /** Volume label, at most 11 characters. */
  label: string;
  /** Path in the file system → file on the host. */
  files: Readonly<Record<string, string>>;
  /** Volume serial number, 8 hex digits. */
  serial: string;
  /** Time stamp of all files in it, seconds since 1970; FAT begins with 1980. */
  epoch: number;
  signal?: AbortSignal | undefined;
}

/**
 * Makes an image of a FAT file system with mtools, without a partition table. The same request gives the same bytes.
 * @param file where the image goes
 * @throws BuildError if mtools is missing or fails, cannot name the file, or wrote something else than it was told
 */
export async function makeFat(file: string, request: FatRequest): Promise<void> {
  const { label, files, serial, epoch, signal } = request;
  const { image, cwd } = mtoolsImage(file);
  const options = { cwd, env: { SOURCE_DATE_EPOCH: String(epoch) }, signal };
  const sectors = (await imageSize(Object.values(files))) / SECTOR;
  const geometry = ['-T', String(sectors), '-h', '16', '-s', '32'];
  await run('mformat', ['-C', '-i', image, ...geometry, '-v', label, '-N', serial, '::'], options);
  const directories = directoriesOf(Object.keys(files)).map((directory) => `::${directory}`);
  if (directories.length > 0) await run('mmd', ['-i', image, ...directories], options);
  for (const [path, source] of Object.entries(files)) {
    // Through a pipe: a copy on the disk could stay there, and there may be a password in it.
    const input = await readFile(source);
    await run('mcopy', ['-i', image, '-', `::${path}`], { ...options, input });
  }
  await passOnBoot(file);
  await verify(file, request);
}

async function passOnBoot(file: string): Promise<void> {
  await using image = await open(file, 'r+');
  await image.write(Buffer.concat([BOOT_CODE], BOOT_CODE_SPACE), 0, BOOT_CODE_SPACE, BOOT_CODE_AT);
}

/** Reads the image back by other means than mtools', which takes liberties with names. */
async function verify(file: string, { label, files: sources }: FatRequest): Promise<void> {
  const files = new Map<string, Buffer>();
  for (const [path, source] of Object.entries(sources)) files.set(path, await readFile(source));
  const problems = compareFat(await readFile(file), { label, files }, file);
  assertNone(problems, { what: 'the FAT file system', where: file });
}

/**
 * How mtools is told of an image: by a name relative to the image's folder, so that characters in the folder's path
 * which mean something to mtools do not reach it.
 * @param offset bytes in the file before the file system
 * @throws BuildError if the name itself has such characters
 */
export function mtoolsImage(file: string, offset = 0): { image: string; cwd: string } {
  const name = basename(file);
  if (!name.includes('@@')) return { image: `${name}@@${offset}`, cwd: dirname(file) };
  throw new BuildError({
    what: 'mtools takes @@ in a file name for the start of an offset',
    where: file,
    fix: 'Give the image another name.',
  });
}

async function imageSize(sources: string[]): Promise<number> {
  const sizes = await Promise.all(sources.map(async (source) => (await stat(source)).size));
  const needed = sizes.reduce((sum, size) => sum + size, 0) + SPARE_BYTES;
  return Math.ceil(needed / MIB) * MIB;
}

/** Every directory on the way to the files, parents first. */
function directoriesOf(paths: string[]): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    for (let up = dirname(path); up !== '/'; up = dirname(up)) found.add(up);
  }
  return [...found].sort();
}
