import { join } from 'node:path';
import { readAttribute } from './read.ts';

/**
 * Reads the model of a disk: vendor and model of SCSI, model only of SATA and NVMe, the name of a memory card; `null`
 * if it has none.
 */
export async function diskModel(folder: string): Promise<string | null> {
  const [vendor, model, card] = await Promise.all([
    readAttribute(join(folder, 'device/vendor')),
    readAttribute(join(folder, 'device/model')),
    readAttribute(join(folder, 'device/name')),
  ]);
  if (model === null) return clean(card);
  // The vendor of SATA disks is part of the model; that of virtio and PCI devices is a number.
  const isMaker = vendor !== null && vendor !== 'ATA' && !vendor.startsWith('0x');
  return clean(isMaker ? `${vendor} ${model}` : model);
}

/** Replaces unprintable characters: firmware may put anything into a name. */
function clean(text: string | null): string | null {
  return text?.replaceAll(/[^\x20-\x7e]+/g, '?').replaceAll(/ +/g, ' ') ?? null;
}
