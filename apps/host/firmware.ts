import { join } from 'node:path';
import type { Hardware } from '../api/hardware.ts';
import { readAttribute } from './read.ts';

/** Placeholders of vendors for values that nobody has filled in. */
const PLACE_HOLDERS =
  /^(to be filled by o\.?e\.?m\.?|default string|not (specified|applicable|available|present)|system (serial number|product name|manufacturer|version)|base board .*|none|n\/?a|null|unknown|o\.?e\.?m\.?|empty|0+|0?123456789.*|x+|\.+|-+)$/i;

/** Facts from the firmware of a machine. */
export type Firmware = Pick<
  Hardware,
  'vendor' | 'model' | 'serial' | 'uuid' | 'board' | 'firmware'
>;

/**
 * Reads SMBIOS data from the kernel (/sys/class/dmi/id); on machines without it, the device tree.
 * @param root folder that contains sys and proc
 */
export async function readFirmware(root = '/'): Promise<Firmware> {
  const read = async (name: string) => cleanFirmwareText(await readAttribute(join(root, name)));
  const dmi = (name: string) => read(join('sys/class/dmi/id', name));
  const tree = (name: string) => read(join('proc/device-tree', name));
  const uuid = await dmi('product_uuid');
  const board = [await dmi('board_vendor'), await dmi('board_name')].filter((one) => one !== null);
  return {
    vendor: await dmi('sys_vendor'),
    model: (await dmi('product_name')) ?? (await tree('model')),
    serial: (await dmi('product_serial')) ?? (await tree('serial-number')),
    uuid: isUuid(uuid) ? uuid.toLowerCase() : null,
    board: board.join(' ') || null,
    firmware: {
      vendor: await dmi('bios_vendor'),
      version: await dmi('bios_version'),
      date: await dmi('bios_date'),
    },
  };
}

/** Returns a text of the firmware in printable ASCII; `null` if it is empty or a placeholder. */
export function cleanFirmwareText(text: string | null): string | null {
  const words = (text ?? '')
    .replaceAll(/[^\x20-\x7e]+/g, '?')
    .replaceAll(/ +/g, ' ')
    .trim();
  return words === '' || PLACE_HOLDERS.test(words) ? null : words;
}

/** Returns whether a text is a UUID; all zeros and all ones mean that there is none (SMBIOS 3.7, 7.2.1). */
function isUuid(text: string | null): text is string {
  const digits = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text ?? '');
  return digits && !/^[0-]+$|^[f-]+$/i.test(text ?? '');
}
