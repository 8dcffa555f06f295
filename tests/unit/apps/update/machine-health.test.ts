import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listServiceProblems } from '../../../../apps/update/machine-health.ts';

let root: string;

async function put(name: string, content = ''): Promise<void> {
  await mkdir(dirname(join(root, name)), { recursive: true });
  await writeFile(join(root, name), content);
}

async function link(name: string): Promise<void> {
  await mkdir(dirname(join(root, name)), { recursive: true });
  await symlink('/nowhere', join(root, name));
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'quantix-health-'));
  for (const name of ['qx-node', 'libvirtd', 'sshd']) await put(`etc/init.d/${name}`);
  for (const name of ['qx-node', 'libvirtd']) {
    await link(`etc/runlevels/default/${name}`);
    await link(`run/openrc/started/${name}`);
  }
});
afterEach(() => rm(root, { recursive: true }));

test('running services of the runlevels are healthy, and services started by hand do not count', async () => {
  expect(await listServiceProblems(new Map(), root)).toEqual([]);
});

test('a service that does not run is reported', async () => {
  await rm(join(root, 'run/openrc/started/qx-node'));
  expect(await listServiceProblems(new Map(), root)).toEqual(['qx-node is stopped']);
});

test('a service that is restarted again and again is reported, even if it runs at each check', async () => {
  const before = new Map<string, number>();
  const count = (times: number) => put('run/openrc/options/qx-node/start_count', `${times}`);
  await count(1);
  expect(await listServiceProblems(before, root)).toEqual([]);
  await count(2);
  expect(await listServiceProblems(before, root)).toEqual(['qx-node had to be started anew']);
  expect(await listServiceProblems(before, root)).toEqual([]);
});
