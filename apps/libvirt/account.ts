import { createHash } from 'node:crypto';
import { defineFrom } from './define.ts';
import { parseUuid } from './uuid.ts';
import { type Libvirt, runVirsh } from './virsh.ts';

/**
 * First user ID of guests, and number of their IDs. No account of the image has one of these IDs, and the IDs of
 * systemd's containers are lower.
 */
const FIRST = 2 ** 28;
const NUMBERS = 2 ** 28;

/**
 * Computes, from the UUID of a guest, the number that is the user ID and the group ID under which it runs. It is the
 * same on every host. Among a hundred guests, two have the same number with a probability of 1 in 50,000; these are
 * then not isolated from each other.
 */
export function computeAccount(id: string): number {
  return FIRST + (createHash('sha256').update(parseUuid(id)).digest().readUInt32BE() % NUMBERS);
}

/**
 * Makes a guest run as its own user (libvirt's security driver `dac`), so that a guest that breaks out of QEMU cannot
 * open the disks of another guest. A definition that already names a user is left unchanged.
 * @returns undefined if the definition names a user
 * @throws LibvirtError with libvirt's message
 */
export async function giveAccount(libvirt: Libvirt, id: string): Promise<GivenAccount | undefined> {
  const uuid = parseUuid(id);
  const dump = ['dumpxml', uuid, '--inactive', '--security-info'];
  const account = computeAccount(uuid);
  const definition = await runVirsh(libvirt, dump);
  const labelled = withAccount(definition, account);
  if (labelled === undefined) return undefined;
  // A definition that has changed since it was read is not overwritten.
  if ((await runVirsh(libvirt, dump)) !== definition) return await giveAccount(libvirt, id);
  await defineFrom(libvirt, labelled);
  const current = await runVirsh(libvirt, ['dumpxml', uuid]);
  return { account, fromNextStart: !current.includes(makeLabel(account)) };
}

/** The user of a guest. */
export interface GivenAccount {
  /** User ID. */
  readonly account: number;
  /** Whether the guest was started before it had this user, and runs as the shared one until its next start. */
  readonly fromNextStart: boolean;
}

const makeLabel = (account: number) => `<label>+${account}:+${account}</label>`;

/**
 * Adds the user of a guest to its definition; returns undefined if it already names one.
 * @param definition as libvirt writes it: without comments and CDATA, which could contain text that looks like an
 *   element
 */
export function withAccount(definition: string, account: number): string | undefined {
  if (/<seclabel\b[^>]*\smodel=(["'])dac\1/.test(definition)) return undefined;
  const end = definition.lastIndexOf('</domain>');
  if (end === -1) return undefined;
  const label = `  <seclabel type='static' model='dac' relabel='yes'>\n    ${makeLabel(account)}\n  </seclabel>\n`;
  return `${definition.slice(0, end)}${label}${definition.slice(end)}`;
}
