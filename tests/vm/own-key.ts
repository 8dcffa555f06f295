import { createPrivateKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlockDevice } from '../../build/disk/block-device.ts';
import { ISO_BLOCK, reportIso } from '../../build/image/iso-report.ts';
import type { Machine } from '../../build/qemu/machine.ts';
import { type Finished, temporaryFolder } from '../unit/folder.ts';

/**
 * Firmware variables in which only one key is trusted, and this key: Debian's package of the firmware contains both.
 */
const VARIABLES = '/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd';
const PAIR = '/usr/share/ovmf/PkKek-1-snakeoil';

/** Files of that package that this host lacks: without them, tests with an owner's key are skipped. */
export const lackingKey = [VARIABLES, `${PAIR}.key`, `${PAIR}.pem`].filter(
  (file) => !existsSync(file),
);

/**
 * Copies the key that the firmware trusts into a folder, with the file names of an owner's key.
 * @param finished when the folder is removed; at the end of the test if absent
 * @returns the folder
 */
export async function layOutKey(finished?: Finished): Promise<string> {
  const folder = await temporaryFolder(finished);
  await copyFile(`${PAIR}.pem`, join(folder, 'db.crt'));
  const text = await readFile(`${PAIR}.key`, 'utf8');
  const key = createPrivateKey({ key: text, format: 'pem', passphrase: 'snakeoil' });
  await writeFile(join(folder, 'db.key'), key.export({ type: 'pkcs8', format: 'pem' }));
  return folder;
}

/** Returns a machine whose firmware trusts only this key, and which boots from a disk whose changes are kept. */
export function machineWith(image: string, memory: number): Machine {
  return {
    ...{ firmware: 'uefi-secure', variables: VARIABLES, memory },
    medium: { as: 'disk', bus: 'virtio', image, isKept: true },
  };
}

/** Inverts one byte. */
export async function damage(
  device: Pick<BlockDevice, 'read' | 'write'>,
  at: number,
): Promise<void> {
  const sector = await device.read(at - (at % 512), 512);
  sector.writeUInt8(sector.readUInt8(at % 512) ^ 0xff, at % 512);
  await device.write(at - (at % 512), sector);
}

/** Returns a function from the path of a file of an ISO to its offset in bytes. */
export async function startsIn(iso: string): Promise<(path: string) => number> {
  const { files } = await reportIso(iso);
  return (path) => {
    const file = files.find((one) => one.path === path);
    if (file === undefined) throw new Error(`there is no ${path} in ${iso}`);
    return file.block * ISO_BLOCK;
  };
}
