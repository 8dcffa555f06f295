import { LibvirtError } from './error.ts';
import { readVms } from './read-vms.ts';
import { type Libvirt, runVirsh } from './virsh.ts';

/**
 * Reads the files and devices that are disks of this host's virtual machines; for a running machine, both those in use
 * and those in its definition. A machine that is removed meanwhile has no disks.
 * @throws LibvirtError if libvirt does not answer, or does not list the disks of a machine
 */
export async function readDiskSources(libvirt: Libvirt): Promise<Set<string>> {
  const listed = await readVms(libvirt);
  if (!listed.libvirt.available) throw new LibvirtError('unavailable', listed.libvirt.problem);
  const sources = new Set<string>();
  for (const { id, persistent, state } of listed.vms) {
    const views = [...(persistent ? [['--inactive']] : []), ...(state === 'shutoff' ? [] : [[]])];
    for (const view of views) {
      const list = await listDisks(libvirt, [id, ...view]);
      for (const source of parseSources(list)) sources.add(source);
    }
  }
  return sources;
}

/** Returns virsh's list of the disks of a machine; an empty one if the machine no longer exists. */
async function listDisks(libvirt: Libvirt, args: readonly string[]): Promise<string> {
  try {
    return await runVirsh(libvirt, ['domblklist', ...args]);
  } catch (error) {
    if (error instanceof LibvirtError && error.failure === 'not-found') return '';
    throw error;
  }
}

/** Parses the sources in the output of `virsh domblklist --quiet`: ` TARGET   SOURCE` on each line, `-` for none. */
export function parseSources(list: string): string[] {
  return list.split('\n').flatMap((line) => {
    const [, source] = /^ ?\S+ +(.+)$/.exec(line) ?? [];
    return source === undefined || source === '-' ? [] : [source];
  });
}
