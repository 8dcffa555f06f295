import { expect, test } from 'vitest';
import { readDiskSources } from '../../../../apps/libvirt/disk-sources.ts';
import { behindVirsh, LIBVIRT_IS_HERE, libvirtDaemon } from './daemon.ts';

const definition = (name: string) =>
  `<domain type='test'><name>${name}</name><memory unit='MiB'>64</memory><os><type>hvm</type></os><devices>
    <disk type='file' device='disk'><source file='/data/${name}.img'/><target dev='vda' bus='virtio'/></disk>
  </devices></domain>`;

test.runIf(LIBVIRT_IS_HERE)(
  'a machine that is removed while the disks are read does not hide the disks of the others',
  async () => {
    const daemon = await libvirtDaemon();
    await daemon.start();
    for (const name of ['gone', 'mail']) await daemon.define(definition(name));
    const remove = `$virsh --connect '${daemon.uri}' undefine gone >/dev/null 2>&1`;
    await behindVirsh(`for word; do [ "$word" != domblklist ] || ${remove}; done`);
    // The driver has a machine of its own, too.
    const sources = [...(await readDiskSources({ uri: daemon.uri }))];
    expect(sources.filter((source) => source.startsWith('/data/'))).toEqual(['/data/mail.img']);
  },
);
