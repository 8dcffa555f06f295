import { LibvirtError } from './error.ts';
import { type Libvirt, runVirsh } from './virsh.ts';

/** Largest number of networks that are returned. */
const MOST = 256;

/**
 * Reads the names of libvirt's networks, sorted, including inactive ones; returns `undefined` if libvirt does not
 * answer.
 */
export async function readNetworks(libvirt: Libvirt): Promise<string[] | undefined> {
  try {
    const names = (await runVirsh(libvirt, ['net-list', '--all', '--name'])).split('\n');
    return names
      .map((name) => name.trim())
      .filter((name) => name !== '')
      .sort()
      .slice(0, MOST);
  } catch (error) {
    libvirt.signal?.throwIfAborted();
    if (error instanceof LibvirtError) return undefined;
    throw error;
  }
}
