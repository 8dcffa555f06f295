import { readFile } from 'node:fs/promises';
import { codeOf } from '../../process/code-of.ts';

/** Where the data disk is mounted; the service `quantix-data` binds folders of it to where the databases keep theirs. */
const DISK = '/data';

/** Why there is no such disk, for people; by the same service. */
const REASON = '/run/quantix/not-persistent';

/** Whether what is kept outlives a restart. */
export async function isPersistent(mounts = '/proc/self/mounts'): Promise<boolean> {
  const text = await readFile(mounts, 'utf8');
  return text.split('\n').some((line) => line.split(' ')[1] === DISK);
}

/** Why what is kept does not outlive a restart; undefined if nobody has noted it. */
export async function readForgetfulness(file = REASON): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
