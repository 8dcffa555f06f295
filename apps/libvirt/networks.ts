import { LibvirtError } from './error.ts';
import { type Libvirt, virsh } from './virsh.ts';

/** Networks that are told at most. */
const MOST = 256;

/** Names of libvirt's networks, sorted, those that are not up too; `undefined` if libvirt does not answer. */
export async function readNetworks(libvirt: Libvirt): Promise<string[] | undefined> {
  try {
    const names = (await virsh(libvirt, ['net-list', '--all', '--name'])).split('\n');
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
