import { join } from 'node:path';
import { run } from '../../build/process/run.ts';
import { temporaryFolder } from '../unit/folder.ts';

/** A disk with an empty file system of this label, to keep configuration on. */
export async function configurationDisk(label: string): Promise<string> {
  const disk = join(await temporaryFolder(), 'config.img');
  await run('mformat', [
    '-C',
    '-i',
    disk,
    '-T',
    '16384',
    '-h',
    '16',
    '-s',
    '32',
    '-v',
    label,
    '::',
  ]);
  return disk;
}
