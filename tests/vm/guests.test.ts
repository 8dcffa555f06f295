import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../unit/folder.ts';
import { PROJECT } from './build-images.ts';
import { dataDisk } from './data-disk.ts';
import {
  boot,
  imageOf,
  logIn,
  logInAfter,
  type Story,
  succeed,
  untilReady,
  untilSucceeds,
} from './story.ts';

/** Milliseconds for two boots on an emulated processor, with the boot of a guest in each. */
const STORY = 1_800_000;

const FOLDER = '/data/images';
/** Log of the guest's serial line. */
const SAID = '/var/log/libvirt/qemu/web-console.log';

/** Returns the definition in docs/virtual-machines.md, with a kernel instead of an installed disk, and less memory. */
async function definition(): Promise<string> {
  const text = await readFile(join(PROJECT, 'docs/virtual-machines.md'), 'utf8');
  const xml = /```xml\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  const kernel = [
    `<kernel>${FOLDER}/vmlinuz</kernel>`,
    `<initrd>${FOLDER}/initramfs</initrd>`,
    '<cmdline>console=ttyS0 quiet panic=1 mitigations=off</cmdline>',
  ];
  return xml
    .replace(/<memory unit="MiB">\d+/, '<memory unit="MiB">192')
    .replace(/ *<boot dev="\w+"\/>\n/g, '')
    .replace('</os>', `${kernel.join('')}</os>`);
}

/** Waits until the guest has booted this many times, has an address on the NAT network, and answers there. */
async function untilUp(story: Story, boots: number): Promise<void> {
  await untilSucceeds(story, `grep -q 'guest: boot ${boots} of this disk' ${SAID}`);
  await untilSucceeds(
    story,
    `[ "$(grep -c 'guest: address 192\\.168\\.122\\.' ${SAID})" = ${boots} ]`,
  );
  expect(await succeed(story, 'virsh -q domstate web')).toContain('running');
  await untilSucceeds(
    story,
    "ping -c 1 -W 2 $(virsh -q net-dhcp-leases nat | grep -o '192[.]168[.]122[.][0-9]*' | tail -1)",
  );
}

test(
  'a KVM guest has an address and a disk; when the host restarts it is shut down cleanly, and starts again with its data',
  async () => {
    const folder = await temporaryFolder();
    const content = join(folder, 'content/images');
    await mkdir(content, { recursive: true });
    await cp(join(import.meta.dirname, 'guest'), content, { recursive: true });
    await writeFile(join(content, 'web.xml'), await definition());
    await writeFile(join(content, 'install.iso'), Buffer.alloc(2048));
    const data = await dataDisk(folder, 'QUANTIX-DATA', join(folder, 'content'));
    await using story = await boot('quantix-os-guests', {
      ...{ firmware: 'uefi', board: 'q35', nesting: true, cpus: 2 },
      medium: { as: 'cdrom', image: imageOf('quantix-os').iso },
      disks: [{ file: data, format: 'raw', bus: 'virtio' }],
    });
    const { guest } = story;
    await untilReady(story);
    await logIn(story);
    await succeed(story, `sh ${FOLDER}/make ${FOLDER}`);
    await untilSucceeds(story, "virsh -q net-list --autostart | grep -q '^ nat  *active'");
    await untilSucceeds(story, 'virsh -q pool-info vms | grep -q running');
    await succeed(story, 'virsh -q vol-create-as vms web.qcow2 4G --format qcow2');
    await succeed(
      story,
      `virsh -q define ${FOLDER}/web.xml && virsh -q autostart web && virsh -q start web`,
    );
    await untilUp(story, 1);

    const { mark } = guest;
    guest.type('reboot');
    await logInAfter(story, mark);
    expect(await succeed(story, `grep -c 'guest: told to shut down' ${SAID}`)).toBe('1\n');
    await untilUp(story, 2);
    story.expectGoodConsole();
  },
  STORY,
);
