import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { run } from '../../build/process/run.ts';
import type { Disk } from '../../build/qemu/machine.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { configurationDisk } from './configuration-disk.ts';
import { type Story, succeed } from './story.ts';

const PSK = 'planted5ecret psk';

/** Data on a machine before a factory reset. */
const KEPT = {
  hostname: 'node7\n',
  'network/eth0.conf': 'METHOD=static\nIP_ADDRESS=192.0.2.7\nPREFIX=24\n',
  'auth/shadow': 'root:$6$salt$planted5ecret\n',
  reset: 'configuration\n',
};

/** A disk with configuration and a request to reset it, and an empty stick. */
export async function upkeepDisks(): Promise<Disk[]> {
  const folder = await temporaryFolder();
  const config = await configurationDisk('QUANTIX-CFG');
  for (const name of ['network', 'auth']) await run('mmd', ['-i', config, `::${name}`]);
  for (const [name, text] of Object.entries(KEPT)) {
    const file = join(folder, 'file');
    await writeFile(file, text);
    await run('mcopy', ['-o', '-i', config, file, `::${name}`]);
  }
  const stick = await configurationDisk('LOGS');
  return [
    { file: config, format: 'raw', bus: 'virtio' },
    { file: stick, format: 'raw', bus: 'usb' },
  ];
}

/** Checks that this boot has carried out the requested reset before any program read the removed files. */
export async function expectReset(story: Story): Promise<void> {
  expect(story.guest.log).toContain('quantix: reset: done');
  expect(await succeed(story, 'hostname; qx-password status; qx-reset status')).toBe(
    'quantix\nempty\nnone\n',
  );
  expect(await succeed(story, 'find /quantix -type f')).not.toMatch(/hostname|eth0|shadow|reset/);
}

/** Writes the support bundle to a stick, which must not be in use afterwards; the bundle must contain no secret. */
export async function expectSupportBundle(story: Story): Promise<void> {
  await succeed(story, `mkdir -p /quantix/network; echo PSK='${PSK}' >/quantix/network/wlan7.conf`);
  await succeed(story, `logger 'it said ${PSK} there'`);
  const stick = /^(\/dev\/\S+)\tvfat\t.*\tLOGS\t/m.exec(await succeed(story, 'qx-support sticks'));
  const device = stick?.[1] ?? '';
  expect(await succeed(story, `qx-support write --to ${device}`)).toMatch(
    /^support-quantix-\d{8}T\d{6}Z\.tar\.gz is on /,
  );
  const opened = `mount -r ${device} /mnt && mkdir /tmp/b && tar -xzf /mnt/support-* -C /tmp/b && umount /mnt`;
  await succeed(story, opened);
  const found = await succeed(story, 'cd /tmp/b && find . -type f && cat contents.json; cd');
  for (const name of ['logs/system/messages', 'virtual-machines/list.txt', 'kernel/dmesg.txt']) {
    expect(found).toContain(`./${name}\n`);
  }
  await succeed(story, 'grep -q "it said <removed> there" /tmp/b/logs/system/messages');
  expect(await succeed(story, "grep -rl 'planted5ecret' /tmp/b; rm -r /tmp/b")).toBe('');
  await succeed(story, 'rm /quantix/network/wlan7.conf');
}
