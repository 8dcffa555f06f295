import { join } from 'node:path';
import { readAttribute, readBytes } from './read.ts';

/**
 * Parses the unit serial number page of SCSI (SPC-4, 7.8.15): a header of four bytes, whose second byte is the page
 * code 0x80 and whose last two are the length of the text that follows.
 */
export function parseUnitSerial(page: Uint8Array): string | null {
  if (page.length < 4 || page[1] !== 0x80) return null;
  const length = ((page[2] ?? 0) << 8) | (page[3] ?? 0);
  const text = Buffer.from(page.subarray(4, 4 + length)).toString('latin1');
  return printable(text);
}

/** Reads the serial number of a disk; if it has none, its world-wide name; otherwise `null`. */
export async function readDiskSerial(folder: string): Promise<string | null> {
  const own = await readAttribute(join(folder, 'serial'));
  const devices = await readAttribute(join(folder, 'device/serial'));
  const page = await readBytes(join(folder, 'device/vpd_pg80'), 1024);
  const [name, otherName] = await Promise.all([
    readAttribute(join(folder, 'device/wwid')),
    readAttribute(join(folder, 'wwid')),
  ]);
  const unit = page === undefined ? null : parseUnitSerial(page);
  return printable(own ?? devices ?? unit ?? name ?? otherName ?? '');
}

function printable(text: string): string | null {
  return (
    text
      .replaceAll(/[^\x20-\x7e]+/g, '')
      .replaceAll(/ +/g, ' ')
      .trim() || null
  );
}
