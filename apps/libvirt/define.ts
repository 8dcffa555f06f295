import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LibvirtError } from './error.ts';
import { type Libvirt, runVirshWithComments } from './virsh.ts';

/**
 * Milliseconds that defining may take: at the first definition after a boot, libvirt asks each QEMU for its features.
 */
const PATIENCE = 180_000;

/**
 * Defines a virtual machine from libvirt's XML.
 * @returns virsh's output
 * @throws LibvirtError like `defineVm` of domain.ts
 */
export async function defineFrom(libvirt: Libvirt, xml: string): Promise<string> {
  // Passed in a file: the standard input of a child is a socket, which virsh cannot open by its path.
  const folder = await mkdtemp(join(tmpdir(), 'quantix-vm-'));
  try {
    const file = join(folder, 'definition.xml');
    await writeFile(file, xml, { mode: 0o600 });
    return await runVirshWithComments(libvirt, ['define', file], PATIENCE);
  } catch (error) {
    const unfit = error instanceof LibvirtError && error.failure === 'refused';
    if (!unfit || /already (?:exists|defined|active)/.test(error.message)) throw error;
    throw new LibvirtError('invalid', error.message.replaceAll(`${folder}/`, ''), error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
