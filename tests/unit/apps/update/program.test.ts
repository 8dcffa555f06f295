import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type UpdateStatus, updateStatusSchema } from '../../../../apps/api/update.ts';
import { openBlockDevice } from '../../../../apps/disk/open-block-device.ts';
import { main } from '../../../../apps/update/main.ts';
import type { Places } from '../../../../apps/update/places.ts';
import { sliceDevice } from '../../../../build/disk/block-device.ts';
import { readBootState, writeBootState } from '../../../../build/disk/boot-state.ts';
import { chooseSlot } from '../../../../build/disk/choose-slot.ts';
import {
  type DiskLayout,
  findPartition,
  PARTITION_NUMBERS,
} from '../../../../build/disk/layout.ts';
import { writeTrailer } from '../../../../build/disk/slot-trailer.ts';
import { DISK_BYTES, IMAGE, install, TRAILER } from '../../disk/installed.ts';
import { temporaryFolder } from '../../folder.ts';
import { imageOf, KEY, releaseOf } from './world.ts';

const QVDC = { product: 'qvdc', architecture: process.arch === 'x64' ? 'x86_64' : 'arm64' };

let places: Places;
let layout: DiskLayout;

async function put(name: string, content: string): Promise<void> {
  await mkdir(dirname(join(places.root, name)), { recursive: true });
  await writeFile(join(places.root, name), content);
}

/** A machine whose disk and partitions are files, booted from slot A. */
beforeEach(async () => {
  const root = await temporaryFolder();
  const below = (name: string) => join(root, name);
  places = {
    root,
    restart: below('restart'),
    configuration: below('quantix'),
    node: below('quantix/node'),
    keys: below('keys'),
    settled: below('run/settled'),
    deadline: below('run/deadline'),
  };
  await put('dev/vda', '');
  await truncate(below('dev/vda'), DISK_BYTES);
  await using disk = await openBlockDevice(below('dev/vda'), { write: true });
  layout = await install(disk);
  const { offset: start, bytes: length } = findPartition(layout, 'a');
  await writeTrailer(sliceDevice(disk, start, length), { ...TRAILER, product: 'qvdc' });
  for (const role of ['efi', 'a', 'b'] as const) {
    const { offset, bytes } = findPartition(layout, role);
    const name = `vda${PARTITION_NUMBERS[role]}`;
    await writeFile(below(`dev/${name}`), await disk.read(offset, bytes));
    await put(`sys/block/vda/${name}/partition`, `${PARTITION_NUMBERS[role]}\n`);
    await put(`sys/block/vda/${name}/uevent`, `PARTNAME=QVDC-${role.toUpperCase()}\n`);
  }
  await put('etc/os-release', 'ID=qvdc\nVERSION_ID=0.1.0\nQUANTIX_BASE=alpine\n');
  await put('proc/self/mountinfo', `1 1 8:5 / ${places.configuration} rw - ext4 /dev/vda5 rw\n`);
  await put('keys/tests.pem', KEY.key.export({ type: 'spki', format: 'pem' }).toString());
  await put('quantix/hostname', 'qvdc7\n');
  await put('restart', `#!/bin/sh\necho restart >>${below('restarts')}\n`);
  await chmod(places.restart, 0o755);
  await runsFrom('a');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(places.root, { recursive: true, force: true });
});

async function runsFrom(slot: 'a' | 'b'): Promise<void> {
  const { guid } = findPartition(layout, slot);
  await put('proc/cmdline', `quiet quantix.slot=${slot} quantix.medium=PARTUUID=${guid}\n`);
  await put('proc/sys/kernel/random/boot_id', `boot ${Math.random()}\n`);
}

/** Runs the program. @returns its output, with its exit status if that is not 0 */
async function update(...args: string[]): Promise<string> {
  const said: string[] = [];
  const note = (text: string | Uint8Array) => {
    said.push(String(text));
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(note);
  vi.spyOn(process.stderr, 'write').mockImplementation(note);
  const status = await main(args, places);
  vi.restoreAllMocks();
  return `${said.join('')}${status === 0 ? '' : `[${status}]`}`;
}

async function status(): Promise<UpdateStatus> {
  return updateStatusSchema.parse(JSON.parse(await update('status', '--json')));
}

/** Restarts the machine. @returns the booted slot */
async function restarted(): Promise<'a' | 'b'> {
  await using efi = await openBlockDevice(join(places.root, 'dev/vda2'), { write: true });
  const { slot, state } = chooseSlot(await readBootState(efi), { a: true, b: true }, true);
  if (state !== undefined) await writeBootState(efi, state);
  await runsFrom(slot ?? 'a');
  return slot ?? 'a';
}

test('a machine is updated from a server and rolled back with the commands only', async () => {
  const image = imageOf('0.2.0', 200_000);
  const { envelope, release } = releaseOf(image, QVDC);
  await using stack = new AsyncDisposableStack();
  const server = createServer((request, response) => {
    if (request.url === `/tree/${release.image.path}`) return response.end(image);
    const path = `/tree/qvdc/stable/${QVDC.architecture}/release.json`;
    return request.url === path ? response.end(envelope) : response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(() => void server.close());
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/tree`;

  expect(await status()).toMatchObject({
    state: 'good',
    booted: 'a',
    server: null,
    keys: ['tests'],
  });
  expect(await update('check')).toMatch(/no update server is set.*\[1\]/s);
  expect(await update('server', address)).toBe('');
  expect(await update('server')).toBe(`${address}, channel stable\n`);
  expect(await update('check')).toBe('qvdc 0.2.0, stable 2 can be staged; 0.1.0 runs\n');
  expect(await update('activate')).toMatch(/there is no whole image in slot b/);
  expect(await update('stage')).toMatch(/^qvdc 0\.2\.0, stable 2 is staged/);
  expect(await update('stage')).toMatch(/was staged already/);
  expect(await status()).toMatchObject({
    staging: null,
    slots: [
      { slot: 'a', version: '0.1.0', good: true },
      { slot: 'b', version: '0.2.0', serial: 2, good: false },
    ],
  });

  expect(await update('activate', '--minutes', '3')).toBe('The next boot is of 0.2.0, on trial.\n');
  expect(await readFile(join(places.root, 'restarts'), 'utf8')).toBe('restart\n');
  expect(await restarted()).toBe('b');
  expect(await status()).toMatchObject({ state: 'trial', booted: 'b', trial: { left: 2 } });
  expect(await update('stage')).toMatch(/is on trial, and not confirmed yet.*\[1\]/s);
  expect(await update('confirm')).toMatch(/is confirmed/);
  expect(await status()).toMatchObject({
    state: 'good',
    booted: 'b',
    last: { result: 'confirmed' },
  });

  await put('quantix/hostname', 'changed\n');
  expect(await update('rollback', '--no-restart', '--with-configuration')).toBe(
    'The next boot is of 0.1.0, on trial.\n',
  );
  expect(await readFile(join(places.configuration, 'hostname'), 'utf8')).toBe('qvdc7\n');
  expect(await restarted()).toBe('a');
  expect(await status()).toMatchObject({ state: 'trial', booted: 'a' });
}, 300_000);

test('a server that answers 503 is tried again; meanwhile a second update is refused, and cancel ends the first', async () => {
  const { envelope } = releaseOf(imageOf('0.2.0', 200_000), QVDC);
  await using stack = new AsyncDisposableStack();
  let isOverloaded = true;
  const server = createServer((_request, response) => {
    if (isOverloaded) response.writeHead(503).end();
    else response.end(envelope);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(() => void server.close());
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const module = join(import.meta.dirname, '../../../../apps/update/main.ts');
  const text = `import { main } from ${JSON.stringify(module)};
process.exitCode = await main(['stage', '--server', ${JSON.stringify(address)}], ${JSON.stringify(places)});`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: 'ignore' });
  stack.defer(() => void child.kill('SIGKILL'));
  const ended = once(child, 'close');
  await vi.waitFor(
    async () =>
      expect((await status()).staging).toMatchObject({
        ...{ version: 'the release', running: true, problem: 'the server answers 503' },
      }),
    { timeout: 30_000, interval: 200 },
  );
  expect(await update('status')).toContain(
    'the release is being staged: 0 %; the server answers 503',
  );
  for (const command of ['stage', 'activate', 'confirm', 'rollback']) {
    expect(await update(command, ...(command === 'stage' ? ['--server', address] : []))).toMatch(
      /a release is being staged\. .*`qx-update cancel` ends it.*\[1\]/s,
    );
  }
  expect(await update('cancel')).toMatch(/^It is ended/);
  expect(await ended).toEqual([1, null]);
  expect((await status()).staging).toMatchObject({ running: false, problem: 'it was ended' });

  const checking = update('check', '--server', address);
  isOverloaded = false;
  expect(await checking).toMatch(/qvdc 0\.2\.0, stable 2 can be staged/);
});

test('a release that is tampered with, expired or for another product is refused with the reason, from a folder too', async () => {
  const image = imageOf('0.2.0', 100_000);
  const from = join(places.root, 'stick');
  const offer = async (changes: object, content = image) => {
    const { envelope } = releaseOf(image, { ...QVDC, ...changes });
    await put('stick/release.json', envelope);
    await writeFile(join(from, 'image.iso'), content);
    return await update('stage', '--from', from);
  };
  expect(await offer({ product: 'quantix-os' })).toMatch(/it is a release of quantix-os.*\[1\]/s);
  const past = { issued: '2020-01-01T00:00:00Z', expires: '2021-01-01T00:00:00Z' };
  expect(await offer(past)).toMatch(/it expired at 2021.*\[1\]/s);
  const tampered = Buffer.from(image);
  tampered[70_000] = (tampered[70_000] ?? 0) ^ 1;
  expect(await offer({}, tampered)).toMatch(/read back from the disk is not the image.*\[1\]/s);
  expect(await status()).toMatchObject({
    staging: { running: false },
    slots: [{}, { version: null }],
  });
  expect(await offer({})).toMatch(/is staged/);
  expect(await offer({ serial: 1 })).toMatch(/stable has had 2 here: it is an old release.*\[1\]/s);
});

test('check recognizes the running image by its hash, even if it was installed without a release', async () => {
  const from = join(places.root, 'stick');
  const checked = async (image: Buffer, version: string) => {
    await put('stick/release.json', releaseOf(image, { ...QVDC, version }).envelope);
    await writeFile(join(from, 'image.iso'), image);
    const { runs } = JSON.parse(await update('check', '--json', '--from', from));
    return { runs, text: await update('check', '--from', from) };
  };
  expect(await checked(IMAGE, '0.1.0')).toEqual({
    ...{ runs: true, text: 'qvdc 0.1.0, stable 2 is what runs\n' },
  });
  expect(await checked(imageOf('0.1.0'), '0.1.0')).toMatchObject({ runs: false });
  expect(await checked(IMAGE, '0.2.0')).toMatchObject({ runs: false });
});

test('commands change nothing if the update record cannot be stored', async () => {
  await put('proc/self/mountinfo', '');
  for (const command of ['stage', 'activate', 'rollback', 'confirm']) {
    expect(await update(command)).toMatch(/nothing that can be written is mounted at .*\[1\]/s);
  }
});

test('a version on trial can be rolled back by hand even if its configuration cannot be written', async () => {
  await using efi = await openBlockDevice(join(places.root, 'dev/vda2'), { write: true });
  await writeBootState(efi, { good: 'b', trial: 'a', left: 2 });
  await efi.close();
  await put('proc/self/mountinfo', '');
  expect(await update('rollback')).toMatch(/The next boot is of the version before\.\n$/);
  expect(await readFile(join(places.root, 'restarts'), 'utf8')).toBe('restart\n');
  expect(await restarted()).toBe('b');
});

test('a hypervisor is not restarted if its virtual machines cannot be listed', async () => {
  await put('etc/os-release', 'ID=quantix-os\nVERSION_ID=0.1.0\nQUANTIX_BASE=alpine\n');
  expect(await update('activate')).toMatch(/whether virtual machines run .* is not known.*\[1\]/s);
});
