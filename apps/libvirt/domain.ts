import { giveAccount } from './account.ts';
import { defineFrom } from './define.ts';
import { LibvirtError } from './error.ts';
import { isUuid, parseUuid } from './uuid.ts';
import { type Libvirt, runVirsh } from './virsh.ts';

/**
 * Defines a virtual machine, which then runs as its own user. If there is a machine with the UUID in `xml`, its
 * definition is changed; the change takes effect at its next start.
 * @param xml in the format of https://libvirt.org/formatdomain.html; libvirt generates a UUID if it has none
 * @returns its UUID
 * @throws LibvirtError with libvirt's message; `invalid` if the definition is wrong, `refused` if it conflicts with
 *   another machine
 */
export async function defineVm(libvirt: Libvirt, xml: string): Promise<string> {
  const name = parseDefinedName(await defineFrom(libvirt, xml));
  const list = await runVirsh(libvirt, ['list', '--all', '--uuid', '--name']);
  const id = name === undefined ? undefined : findUuid(name, list);
  if (id !== undefined) {
    await giveAccount(libvirt, id);
    return id;
  }
  throw new LibvirtError('refused', 'the VM was defined, and is gone again');
}

/** Parses the name in virsh's answer to a definition: `Domain 'web' defined from FILE`. */
export function parseDefinedName(output: string): string | undefined {
  return /^Domain '(.*)' defined from \S+$/m.exec(output)?.[1];
}

/**
 * Finds the UUID of the machine with exactly this name in the output of `virsh list --uuid --name`: `UUID NAME` on each
 * line.
 */
export function findUuid(name: string, list: string): string | undefined {
  const lines = list.split('\n').map((line) => line.trim());
  const line = lines.find((text) => text.slice(36).trim() === name.trim());
  const id = line?.slice(0, 36) ?? '';
  return isUuid(id) ? id : undefined;
}

/**
 * Starts a virtual machine.
 * @throws LibvirtError with libvirt's message
 */
export async function startVm(libvirt: Libvirt, id: string): Promise<void> {
  await runVirsh(libvirt, ['start', parseUuid(id)]);
}

/**
 * Asks a virtual machine to shut down, as its power button would. The guest may take long or ignore it.
 * @throws LibvirtError with libvirt's message
 */
export async function shutdownVm(libvirt: Libvirt, id: string): Promise<void> {
  await runVirsh(libvirt, ['shutdown', parseUuid(id)]);
}

/**
 * Powers off a virtual machine at once.
 * @throws LibvirtError with libvirt's message
 */
export async function destroyVm(libvirt: Libvirt, id: string): Promise<void> {
  await runVirsh(libvirt, ['destroy', parseUuid(id)]);
}

/**
 * Removes the definition of a virtual machine with its UEFI variables, but not its disks. A running machine continues
 * until it ends; a machine with saved memory is refused.
 * @throws LibvirtError with libvirt's message
 */
export async function undefineVm(libvirt: Libvirt, id: string): Promise<void> {
  const uuid = parseUuid(id);
  try {
    await runVirsh(libvirt, ['undefine', uuid]);
  } catch (error) {
    if (!(error instanceof LibvirtError) || !/\bnvram\b/.test(error.message)) throw error;
    await runVirsh(libvirt, ['undefine', uuid, '--nvram']);
  }
}
