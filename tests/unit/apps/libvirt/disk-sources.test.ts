import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test, vi } from 'vitest';
import { readDiskSources } from '../../../../apps/libvirt/disk-sources.ts';
import { temporaryFolder } from '../../folder.ts';
import { LIBVIRT_IS_HERE, libvirtDaemon } from './daemon.ts';

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
    const folder = await temporaryFolder();
    const { stdout: real } = await execa('sh', ['-c', 'command -v virsh']);
    const remove = `${real} --connect '${daemon.uri}' undefine gone >/dev/null 2>&1`;
    const script = `#!/bin/sh\nfor word; do [ "$word" != domblklist ] || ${remove}; done\nexec ${real} "$@"\n`;
    await writeFile(join(folder, 'virsh'), script, { mode: 0o755 });
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    // The driver has a machine of its own, too.
    const sources = [...(await readDiskSources({ uri: daemon.uri }))];
    expect(sources.filter((source) => source.startsWith('/data/'))).toEqual(['/data/mail.img']);
  },
);
