import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { runGuests } from '../../../../apps/agent/vms/guests.ts';
import {
  beginMaintenance,
  endMaintenance,
  expectNoMaintenance,
  MaintenanceError,
  readMaintenance,
} from '../../../../apps/guests/maintenance.ts';
import { temporaryFolder } from '../../folder.ts';
import { makeRootFolder } from '../host/root-folder.ts';

const NOW = new Date('2026-01-27T10:15:00Z');

test('maintenance lasts until it is ended, over restarts', async () => {
  const folder = join(await temporaryFolder(), 'node');
  expect(await readMaintenance(folder)).toEqual({ on: false, reason: null, since: null });
  await endMaintenance(folder);
  await expectNoMaintenance(folder);
  await beginMaintenance(folder, { reason: null, now: NOW });
  const on = { on: true, reason: null, since: '2026-01-27T10:15:00.000Z' };
  expect(await readMaintenance(folder)).toEqual(on);
  await beginMaintenance(folder, { reason: 'new memory', now: new Date() });
  expect(await readMaintenance(folder)).toEqual({ ...on, reason: 'new memory' });
  await expect(expectNoMaintenance(folder)).rejects.toThrow(MaintenanceError);
  await endMaintenance(folder);
  expect(await readdir(folder)).toEqual([]);
  expect(await readMaintenance(folder)).toMatchObject({ on: false });
});

test.each([
  '',
  '{',
  'null',
  '[]',
  '{"since": 3, "reason": "x"}',
  '\0',
  `{"reason":"${'x'.repeat(999)}"}`,
])('a malformed maintenance file means maintenance too: %j', async (text) => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'maintenance'), text);
  expect(await readMaintenance(folder)).toMatchObject({ on: true, since: null });
  await beginMaintenance(folder, { reason: 'known', now: NOW });
  expect(JSON.parse(await readFile(join(folder, 'maintenance'), 'utf8'))).toEqual({
    since: NOW.toISOString(),
    reason: 'known',
  });
});

test('a boot in maintenance starts no guest, and does not call libvirt', async () => {
  const folder = await temporaryFolder();
  await beginMaintenance(folder, { reason: null, now: NOW });
  const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const places = { ran: folder, stopping: join(folder, 'stopping'), cutShort: join(folder, 'cut') };
  const world = { places, uri: 'test:///nowhere', configuration: join(folder, 'node.yaml') };
  const status = await runGuests('start', new AbortController().signal, world);
  expect(said.mock.calls.map(([line]) => line)).toEqual([
    'the host is in maintenance: no virtual machine is started\n',
  ]);
  said.mockRestore();
  expect(status).toBe(0);
});

test('a start of the guests leaves the mark of a stop that has begun meanwhile', async () => {
  const folder = await temporaryFolder();
  await beginMaintenance(folder, { reason: null, now: NOW });
  const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const places = { ran: folder, stopping: join(folder, 'stopping'), cutShort: join(folder, 'cut') };
  await writeFile(places.stopping, 'asking libvirt which guests run\n');
  const setup = { places, uri: 'test:///nowhere', configuration: join(folder, 'node.yaml') };
  await runGuests('start', new AbortController().signal, setup);
  said.mockRestore();
  expect(await readFile(places.stopping, 'utf8')).toBe('asking libvirt which guests run\n');
});

test('a host whose configuration disk is not mounted counts as in maintenance', async () => {
  const root = await makeRootFolder({
    'run/quantix/unmounted-quantix': 'several are labelled so\n',
  });
  const folder = join(root, 'quantix/node');
  const reason = 'whether the host is in maintenance is not known: several are labelled so';
  expect(await readMaintenance(folder, root)).toEqual({ on: true, reason, since: null });
  await expect(expectNoMaintenance(folder, root)).rejects.toThrow(`${reason}. Restart the host`);
  await expect(endMaintenance(folder, root)).rejects.toThrow(MaintenanceError);
  const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const places = { ran: folder, stopping: join(folder, 'stopping'), cutShort: join(folder, 'cut') };
  const configuration = join(folder, 'node.yaml');
  const world = { places, uri: 'test:///nowhere', configuration, root };
  expect(await runGuests('start', new AbortController().signal, world)).toBe(0);
  expect(said.mock.calls.map(([line]) => line)).toEqual([
    `the host is in maintenance (${reason}): no virtual machine is started\n`,
  ]);
  said.mockRestore();
});
