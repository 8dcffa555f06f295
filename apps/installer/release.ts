import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../error.ts';
import { readAttribute } from '../host/read.ts';
import { run } from '../process/run.ts';
import { InstallError } from './error.ts';

/** Milliseconds that dmsetup(8) may take. */
const PATIENCE = 30_000;

/**
 * Takes apart a device on top of disks: an md array, or a device-mapper mapping of LVM, LUKS or multipath. The content
 * of its disks stays.
 * @param name the kernel's name: `md127`, `dm-0`
 * @throws InstallError if the device still exists
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
