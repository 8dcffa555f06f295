import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import {
  DefinitionReader,
  parseDefinition,
  parseDefinitions,
} from '../../../../apps/libvirt/definitions.ts';
import { readVms } from '../../../../apps/libvirt/read-vms.ts';
import { temporaryFolder } from '../../folder.ts';
import { WEB } from '../agent/membership/agent.ts';
import { LIBVIRT_IS_HERE, libvirtDaemon } from './daemon.ts';

const ID = '9f1b2c3d-0000-4000-8000-00000000abcd';
const FULL = new URL('../agent/commands/full.xml', import.meta.url);

const xml = (memory: number) =>
  `<domain type='test'><name>web</name><uuid>${ID}</uuid><memory unit='MiB'>${memory}</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>`;

test('disks and cards are read from a definition', async () => {
  const text = await readFile(FULL, 'utf8');
  expect(parseDefinition(text)).toMatchObject({
    disks: [
      { target: 'vda', source: '/data/vms/web.qcow2', format: 'qcow2', cdrom: false },
      { target: 'sda', source: '/dev/group/lv0', format: 'raw', cdrom: false },
      { target: 'sdb', source: '', cdrom: true },
    ],
    nics: [
      { mac: '52:54:00:12:34:56', bridge: 'br0', network: '', vlan: 10 },
      { mac: '52:54:00:12:34:57', bridge: '', network: 'default', vlan: 0 },
    ],
  });
  expect([...parseDefinitions(`${text}\n${text}\nqemu:///system\n`).keys()]).toEqual([ID]);
  expect(parseDefinitions('error: there is none\n').size).toBe(0);
});

test('text in a description or metadata is not read as a disk', () => {
  const fake = "<disk device='disk'><target dev='vda'/></disk>";
  const text = `<domain>\n<description>${fake}</description>\n<metadata>${fake}</metadata>\n</domain>`;
  expect(parseDefinition(text).disks).toEqual([]);
});

test.runIf(LIBVIRT_IS_HERE)(
  'a changed definition is read again, and without libvirt the last one is used',
  async () => {
    const daemon = await libvirtDaemon();
    await daemon.start();
    await daemon.define(xml(64));
    let now = 0;
    const reader = new DefinitionReader({ uri: daemon.uri }, () => now);
    const { vms } = await readVms({ uri: daemon.uri });
    const sha256 = async () => (await reader.read(vms)).get(ID)?.sha256;
    const first = await sha256();
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    await daemon.define(xml(128));
    expect(await sha256()).toBe(first);
    now = 60_001;
    const second = await sha256();
    expect(second).not.toBe(first);
    await daemon.kill();
    reader.expire();
    expect(await sha256()).toBe(second);
  },
);

test('a definition that changes while definitions are read is read again, and an older answer never replaces a newer one', async () => {
  const folder = await temporaryFolder();
  const wait = `while [ ! -e ${folder}/go ]; do sleep 0.02; done`;
  const script = `#!/bin/sh\ncat ${folder}/xml\n: >${folder}/asked\n${wait}\n`;
  await writeFile(join(folder, 'virsh'), script, { mode: 0o755 });
  vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
  const define = (memory: number) =>
    writeFile(
      join(folder, 'xml'),
      `<domain type='kvm'>\n<uuid>${WEB.id}</uuid>\n<memory>${memory}</memory>\n</domain>\n`,
    );
  const reader = new DefinitionReader({ uri: 'test:///default' });
  const memory = async () =>
    /<memory>(\d+)/.exec((await reader.read([WEB])).get(WEB.id)?.xml ?? '')?.[1];
  await define(1);
  const during = memory();
  await vi.waitFor(() => access(join(folder, 'asked')), 30_000);
  await define(2);
  reader.expire();
  const after = memory();
  await writeFile(join(folder, 'go'), '');
  await during;
  expect(await after).toBe('2');
  expect(await memory()).toBe('2');
});
