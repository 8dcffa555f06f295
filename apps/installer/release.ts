import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../error.ts';
import { readAttribute } from '../host/read.ts';
import { run } from '../process/run.ts';
import { InstallError } from './error.ts';

/** Milliseconds. */
const PATIENCE = 30_000;

/**
 * Takes a device apart that is made of disks: an array of md, a mapping of the device mapper, as LVM, LUKS and multipath make
 * them. What was on its disks stays on them.
 * @param name as the kernel has it: `md127`, `dm-0`
 * @throws InstallError if it stays
 */
export async function releaseDevice(name: string, root = '/'): Promise<void> {
  try {
    if (/^md/.test(name))
      return await writeFile(join(root, 'sys/block', name, 'md/array_state'), 'clear');
    const mapping = await readAttribute(join(root, 'sys/block', name, 'dm/name'));
    if (mapping === null) throw new Error('it is of a kind that the installer does not know');
    await run('dmsetup', ['remove', '--retry', mapping], { timeout: PATIENCE });
  } catch (cause) {
    throw new InstallError({
      what: `${name}, which is made of this disk, cannot be taken apart: ${messageOf(cause)}`,
      fix: 'Nothing was written. Take it apart by hand, or start without that disk.',
      cause,
    });
  }
}
