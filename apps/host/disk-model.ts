import { join } from 'node:path';
import { readAttribute } from './read.ts';

/** Model of a disk: maker and name of SCSI, name alone of SATA and NVMe, a card's name; `null` if it has none. */
export async function diskModel(folder: string): Promise<string | null> {
  const [vendor, model, card] = await Promise.all([
    readAttribute(join(folder, 'device/vendor')),
    readAttribute(join(folder, 'device/model')),
    readAttribute(join(folder, 'device/name')),
  ]);
  if (model === null) return clean(card);
  // SATA's maker is in the model; virtio's and PCI's is a number.
  const isMaker = vendor !== null && vendor !== 'ATA' && !vendor.startsWith('0x');
  return clean(isMaker ? `${vendor} ${model}` : model);
}

/** Firmware is free to put anything into its name. */
function clean(text: string | null): string | null {
  return text?.replaceAll(/[^\x20-\x7e]+/g, '?').replaceAll(/ +/g, ' ') ?? null;
}
