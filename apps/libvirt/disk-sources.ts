import { LibvirtError } from './error.ts';
import { readVms } from './read-vms.ts';
import { type Libvirt, virsh } from './virsh.ts';

/**
 * Files and devices that the disks of this host's virtual machines are, of those that run as they run and as they are
 * defined.
 * @throws LibvirtError if libvirt does not answer, or does not tell of one of them
 */
export async function readDiskSources(libvirt: Libvirt): Promise<Set<string>> {
  const told = await readVms(libvirt);
  if (!told.libvirt.available) throw new LibvirtError('unavailable', told.libvirt.problem);
  const sources = new Set<string>();
  for (const { id, persistent, state } of told.vms) {
    const views = [...(persistent ? [['--inactive']] : []), ...(state === 'shutoff' ? [] : [[]])];
    for (const view of views) {
      const list = await virsh(libvirt, ['domblklist', id, ...view]);
      for (const source of parseSources(list)) sources.add(source);
    }
  }
  return sources;
}

/** Sources in what `virsh domblklist --quiet` writes: ` TARGET   SOURCE` in each line, `-` for none. */
export function parseSources(list: string): string[] {
  return list.split('\n').flatMap((line) => {
    const [, source] = /^ ?\S+ +(.+)$/.exec(line) ?? [];
    return source === undefined || source === '-' ? [] : [source];
  });
}
