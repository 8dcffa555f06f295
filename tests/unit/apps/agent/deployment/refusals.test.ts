import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { chooseAgent } from '../../../../../apps/agent/deployment/choose.ts';
import { deployAgent } from '../../../../../apps/agent/deployment/deploy.ts';
import { PROGRAM } from '../../../../../apps/agent/deployment/programs.ts';
import { readRecord, takeRecord } from '../../../../../apps/agent/deployment/record.ts';
import { seal } from '../../../../../build/release/envelope.ts';
import {
  type AgentFileParts,
  agentFile,
  boot,
  type Host,
  idle,
  KEYS,
  makeHost,
  trust,
  writeAgent,
} from './host.ts';

const SILENT = { within: 1000, say: () => undefined, signal: AbortSignal.abort() };

vi.setConfig({ testTimeout: 120_000 });

/** Returns the reason why an agent's file is refused, and checks that nothing of it is left. */
async function refusal(host: Host, file: string): Promise<string> {
  const before = await readFile(host.places.record, 'utf8').catch(() => '');
  const why = await deployAgent(file, host.places, SILENT).catch((error: Error) => error.message);
  expect(await readFile(host.places.record, 'utf8').catch(() => '')).toBe(before);
  expect(await readdir(host.places.programs).catch(() => [])).toEqual([]);
  return why;
}

const other = generateKeyPairSync('ed25519');

test.each<[string, AgentFileParts, string]>([
  ['signed with another key', { key: other.privateKey }, 'it is not signed with a key'],
  ['for QvDC', { says: { product: 'qvdc' } }, 'its product is qvdc, and quantix-os is needed'],
  ['another program', { says: { program: 'qx-console' } }, 'its program is qx-console'],
  ['for another CPU', { says: { architecture: 's390x' } }, 'its architecture is s390x'],
  ['for another base', { says: { base: 'alpine' } }, 'its base is alpine, and debian is needed'],
  ['expired', { says: { expires: '2026-01-02T00:00:00Z' } }, 'it expired on 2026-01-02'],
  [
    'of the future',
    { says: { issued: '2098-01-01T00:00:00Z' } },
    'it was issued on 2098-01-01T00:00:00Z, and here it is',
  ],
  ['with another hash', { says: { sha256: 'a'.repeat(64) } }, 'is not the one that was signed'],
  ['cut off', { says: { bytes: 1000 } }, 'the program in it has 46 bytes instead of 1000'],
  ['no program', { program: 'not a program' }, 'it does not run on this image'],
  ['lacking a library', { program: '#!/lib/ld-none.so\n' }, 'it does not run on this image'],
  ['of another version', { program: idle('0.9.9') }, 'its version is "0.9.9" instead of 0.2.0'],
])('an agent that is %s is refused, and nothing of it stays', async (_, parts, why) => {
  const host = await makeHost();
  expect(await refusal(host, await writeAgent(host, agentFile(parts)))).toContain(why);
});

test('a file that is not an agent is refused, also a pipe that never ends', async () => {
  const host = await makeHost();
  const whole = agentFile();
  const release = seal('application/vnd.quantix.release+json', whole, [KEYS.privateKey]);
  const files = {
    empty: Buffer.alloc(0),
    text: Buffer.from('hello\n'),
    release: Buffer.from(release),
    long: Buffer.alloc(1024 * 1024, ' '),
    compressed: Buffer.concat([Buffer.from('1f8b0800', 'hex'), whole]),
    longer: Buffer.concat([whole, Buffer.from('x')]),
  };
  for (const [name, bytes] of Object.entries(files)) {
    const why = await refusal(host, await writeAgent(host, bytes, name));
    expect(why, name).toMatch(
      /is not a signed file|not an agent that can be deployed|it holds "application/,
    );
  }
  const pipe = join(host.root, 'pipe');
  await execa('mkfifo', [pipe]);
  for (const file of [pipe, host.root, join(host.root, 'absent')]) {
    expect(await refusal(host, file)).toMatch(/it is not a file|it cannot be read/);
  }
});

test('a flipped bit anywhere in the file is detected', async () => {
  const host = await makeHost();
  const whole = agentFile({ program: idle('0.2.0') });
  for (let at = 0; at < whole.length; at += 23) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ 4;
    // The envelope also names its signing key; this name is not used, so changes to it are allowed.
    const namesKey = whole.subarray(Math.max(0, at - 75), at + 75).includes('keyid');
    if (!namesKey)
      expect(await refusal(host, await writeAgent(host, bytes)), `byte ${at}`).toBeTruthy();
  }
});

test('an agent is not deployed without keys, service or free space, or during another deployment', async () => {
  const host = await makeHost();
  const file = await writeAgent(host, agentFile());
  await rm(host.places.keys, { recursive: true });
  expect(await refusal(host, file)).toContain('no key for releases is trusted here');
  await trust(host, KEYS.publicKey).catch(() => undefined);
  await mkdir(host.places.keys);
  await trust(host, KEYS.publicKey);
  await writeFile(host.places.supervisor, '999999999\n');
  expect(await refusal(host, file)).toContain('the service qx-node does not run');
  await writeFile(host.places.supervisor, `${process.pid}\n`);
  await deployAgent(file, host.places, SILENT).catch(() => undefined);
  const next = await writeAgent(host, agentFile({ says: { version: '0.3.0', serial: 3 } }), 'next');
  await expect(deployAgent(next, host.places, SILENT)).rejects.toThrow('0.2.0 is still on trial');
});

/** A host with an agent on trial. */
async function withAgent(): Promise<{ host: Host; file: string }> {
  const host = await makeHost();
  await deployAgent(await writeAgent(host, agentFile()), host.places, SILENT).catch(
    () => undefined,
  );
  const file = await chooseAgent(host.places, () => undefined);
  expect(file).toBeDefined();
  return { host, file: file ?? '' };
}

test.each<[string, (host: Host, file: string) => Promise<unknown>, string]>([
  ['changed', (_, file) => writeFile(file, '#!/bin/sh\n'), 'it no longer matches its signature'],
  ['gone', (_, file) => rm(file), 'it cannot be read'],
  [
    'signed by a key that the image does not know',
    (host) => trust(host, other.publicKey),
    'it is not signed with a key',
  ],
])('a deployed agent that is %s is not started, and is taken back', async (_, change, why) => {
  const { host, file } = await withAgent();
  await change(host, file);
  const told: string[] = [];
  expect(await chooseAgent(host.places, (line) => told.push(line))).toBeUndefined();
  expect(told.join()).toContain(why);
  const { active, takenBack } = (await readRecord(host.places.record)) ?? {};
  expect([active, takenBack?.reason]).toEqual([null, expect.stringContaining(why)]);
  expect(await chooseAgent(host.places, () => undefined)).toBeUndefined();
});

test('a link in place of the deployed program is not started', async () => {
  const { host, file } = await withAgent();
  await rm(file);
  await execa('ln', ['-s', '/bin/sh', file]);
  expect(await chooseAgent(host.places, () => undefined)).toBeUndefined();
});

test('another image starts its own agent, and keeps the record of the deployment', async () => {
  const { host } = await withAgent();
  const record = await readFile(host.places.record, 'utf8');
  await boot(host, { build: 'ffffffffffffffff', id: 'boot-2' });
  expect(await chooseAgent(host.places, () => undefined)).toBeUndefined();
  expect(await readFile(host.places.record, 'utf8')).toBe(record);
});

test('an invalid record is set aside, and the image’s agent runs', async () => {
  for (const text of ['', '{', '[]', '{"format":2}', '\0'.repeat(4096), 'null']) {
    const host = await makeHost();
    await mkdir(join(host.root, 'quantix/node'), { recursive: true });
    await writeFile(host.places.record, text);
    expect(await chooseAgent(host.places, () => undefined)).toBeUndefined();
    expect(await readdir(join(host.root, 'quantix/node'))).toEqual(['deployment.json.rejected']);
    expect(await takeRecord(host.places.record)).toBeUndefined();
  }
});

test('an agent on trial is not started if its starts cannot be counted', async () => {
  const { host } = await withAgent();
  const node = join(host.root, 'quantix/node');
  const record = await readFile(host.places.record);
  await rm(node, { recursive: true });
  await mkdir(node);
  await writeFile(host.places.record, record);
  // Not even root can write to this folder.
  await execa('mount', ['--bind', '-o', 'ro', node, node]);
  try {
    await execa('mount', ['-o', 'remount,bind,ro', node]);
    expect(await chooseAgent(host.places, () => undefined)).toBeUndefined();
  } finally {
    await execa('umount', [node]);
  }
});

test(`${PROGRAM} is taken back if it keeps ending after its confirmation; power cuts do not count`, async () => {
  const { host, file } = await withAgent();
  const record = await readRecord(host.places.record);
  const confirmed = `${JSON.stringify({ ...record, trial: null })}\n`;
  await writeFile(host.places.record, confirmed);
  for (let boots = 0; boots < 20; boots += 1) {
    await rm(host.places.run, { recursive: true });
    expect(await chooseAgent(host.places, () => undefined)).toBe(file);
  }
  const ends: (string | undefined)[] = [];
  for (let end = 0; end < 6; end += 1) ends.push(await chooseAgent(host.places, () => undefined));
  expect(ends).toEqual([file, file, file, file, undefined, undefined]);
  const { takenBack } = (await readRecord(host.places.record)) ?? {};
  expect(takenBack?.reason).toBe('it ended 5 times within 5 minutes');
});
