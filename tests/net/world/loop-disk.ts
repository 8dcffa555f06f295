import { execFileSync } from 'node:child_process';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';

/** A loop device and its file. */
export interface LoopDisk extends Disposable {
  path: string;
  /** Its file, which uses disk space only for written parts. */
  file: string;
}

/**
 * An empty loop device; it exists until it is disposed of. Needs root.
 * @param file path of the file to create
 * @param direct whether reads and writes bypass the kernel's cache of the file
 */
export function loopDisk(
  file: string,
  { bytes, sectorSize, direct = false }: { bytes: number; sectorSize: number; direct?: boolean },
): LoopDisk {
  writeFileSync(file, '');
  truncateSync(file, bytes);
  const shape = ['--sector-size', String(sectorSize), ...(direct ? ['--direct-io=on'] : [])];
  const path = losetup('--find', '--show', ...shape, file).trim();
  return {
    path,
    file,
    [Symbol.dispose]: () => {
      losetup('--detach', path);
      rmSync(file);
    },
  };
}

function losetup(...args: string[]): string {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  return execFileSync('losetup', args, { encoding: 'utf8', env });
}
