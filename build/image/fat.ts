import { open, readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { BuildError } from '../error.ts';
import { run } from '../process/run.ts';
import { compareFat } from '../readback/fat.ts';
import { assertNone } from '../readback/verdict.ts';

const MIB = 1024 * 1024;
const SECTOR = 512;

/**
 * Code of the boot sector, at byte 62: calls interrupt 18h, with which a BIOS continues with the next device, then
 * halts. The boot code that mtools writes would load the same sector again and again if this is the first disk that the
 * BIOS tries.
 */
const [BOOT_CODE_AT, BOOT_CODE_SPACE] = [62, 448];
const BOOT_CODE = Buffer.from('cd18f4ebfd', 'hex');

/** Free space of the file system in bytes. */
const SPARE_BYTES = MIB;

/** Input of `makeFat`. */
export interface FatRequest {
  /** Volume label, at most 11 characters. */
  label: string;
  /** Path in the file system → file on the host. */
  files: Readonly<Record<string, string>>;
  /** Volume serial number, 8 hex digits. */
  serial: string;
  /** Time stamp of all files in it, in seconds since 1970; FAT cannot express times before 1980. */
  epoch: number;
  signal?: AbortSignal | undefined;
}

/**
 * Makes an image of a FAT file system with mtools, without a partition table. The same request gives the same bytes.
 * @param file path of the image
 * @throws BuildError if mtools is missing or fails, cannot handle the file's name, or wrote different content
 */
export async function makeFat(file: string, request: FatRequest): Promise<void> {
  const { label, files, serial, epoch, signal } = request;
  const { image, cwd } = nameMtoolsImage(file);
  const options = { cwd, env: { SOURCE_DATE_EPOCH: String(epoch) }, signal };
  const sectors = (await imageSize(Object.values(files))) / SECTOR;
  const geometry = ['-T', String(sectors), '-h', '16', '-s', '32'];
  await run('mformat', ['-C', '-i', image, ...geometry, '-v', label, '-N', serial, '::'], options);
  const directories = directoriesOf(Object.keys(files)).map((directory) => `::${directory}`);
  if (directories.length > 0) await run('mmd', ['-i', image, ...directories], options);
  for (const [path, source] of Object.entries(files)) {
    // The content goes through a pipe: it may contain a password, and a temporary copy could be left on disk.
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

/** Reads the image back without mtools, which changes some names. */
async function verify(file: string, { label, files: sources }: FatRequest): Promise<void> {
  const files = new Map<string, Buffer>();
  for (const [path, source] of Object.entries(sources)) files.set(path, await readFile(source));
  const problems = compareFat(await readFile(file), { label, files }, file);
  assertNone(problems, { what: 'the FAT file system', where: file });
}

/**
 * Returns the name of an image for mtools, and the working directory to which the name is relative, so that mtools does
 * not get special characters of the folder's path.
 * @param offset byte offset of the file system in the file
 * @throws BuildError if the name itself has characters that are special to mtools
 */
export function nameMtoolsImage(file: string, offset = 0): { image: string; cwd: string } {
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

/** Lists all directories that contain the files, parents first. */
function directoriesOf(paths: string[]): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    for (let up = dirname(path); up !== '/'; up = dirname(up)) found.add(up);
  }
  return [...found].sort();
}
