import { createHash } from 'node:crypto';
import { defineFrom } from './define.ts';
import { parseUuid } from './uuid.ts';
import { type Libvirt, virsh } from './virsh.ts';

/** The first of the numbers that guests run as; no account of the image is among these, and systemd's containers are below. */
const FIRST = 2 ** 28;
const NUMBERS = 2 ** 28;

/**
 * The user and group that a guest runs as, made from its UUID: the same on every host. Of a hundred guests two have one number
 * with a probability of 1 in 50,000; they are then not kept from each other.
 */
export function accountOf(id: string): number {
  return FIRST + (createHash('sha256').update(parseUuid(id)).digest().readUInt32BE() % NUMBERS);
}

/**
 * Lets a guest run as a user of its own (libvirt's security driver `dac`), so that one that breaks out of QEMU can open no disk
 * of another. A definition that says which user counts as it is.
 * @returns the number of the user; undefined if the definition says another
 * @throws LibvirtError with libvirt's own words
 */
export async function giveAccount(libvirt: Libvirt, id: string): Promise<number | undefined> {
  const uuid = parseUuid(id);
  const dump = ['dumpxml', uuid, '--inactive', '--security-info'];
  const account = accountOf(uuid);
  const definition = await virsh(libvirt, dump);
  const labelled = withAccount(definition, account);
  if (labelled === undefined) return undefined;
  // Whoever has changed it meanwhile will be heard of again.
  if ((await virsh(libvirt, dump)) === definition) await defineFrom(libvirt, labelled);
  return account;
}

/**
 * A definition with the user that a guest runs as; undefined if it says one already.
 * @param definition as libvirt writes it: without comments and CDATA, in which an element would be none
 */
export function withAccount(definition: string, account: number): string | undefined {
  if (/<seclabel\b[^>]*\smodel=(["'])dac\1/.test(definition)) return undefined;
  const end = definition.lastIndexOf('</domain>');
  if (end === -1) return undefined;
  const label = `  <seclabel type='static' model='dac' relabel='yes'>\n    <label>+${account}:+${account}</label>\n  </seclabel>\n`;
  return `${definition.slice(0, end)}${label}${definition.slice(end)}`;
}
