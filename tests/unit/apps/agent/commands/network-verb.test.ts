import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { expect, test, vi } from 'vitest';
import { makeNetworkVerb } from '../../../../../apps/agent/commands/network-verb.ts';
import {
  TaskErrorCode,
  TaskSchema,
  TaskState,
} from '../../../../../apps/proto/gen/quantix/v1/task_pb.js';
import { temporaryFolder } from '../../../folder.ts';
import { networkAgent } from './network-agent.ts';

/*
 * Tests the order of steps, with a stand-in for qx-network that records its calls; tests/net/configured.test.ts uses
 * the real one.
 */

const STATUS = {
  persistent: true,
  hostname: 'host-a',
  default: 'eth0',
  interfaces: [
    {
      name: 'eth0',
      kind: 'ethernet',
      mac: '52:54:00:12:34:56',
      carrier: true,
      speed: null,
      method: 'static',
      source: null,
      addresses: [{ address: '10.0.0.7', prefix: 24 }],
      mtu: 1500,
      routes: [],
      type: null,
      master: null,
      ports: [],
      vlan: null,
      ipv6: { method: 'auto', addresses: [], gateway: null },
      gateway: null,
      dns: [],
      ssid: null,
      dhcp: null,
      confirm: 42,
      problem: null,
    },
  ],
  problems: [],
};

const STAND_IN = `
folder=\${0%/*}
echo "$*" >>"$folder/calls"
[ ! -e "$folder/complaint" ] || { cat "$folder/complaint" >&2; exit 1; }
case $1 in
configure) cat >>"$folder/settings" ; [ ! -e "$folder/hang" ] || exec sleep 60 ;;
status) cat "$folder/status" ;;
esac`;

async function host() {
  const world = await networkAgent(STAND_IN);
  const { folder } = world.agent;
  const read = (name: string) => readFile(`${folder}/${name}`, 'utf8').catch(() => '');
  await writeFile(`${folder}/status`, JSON.stringify(STATUS));
  return { ...world, folder, read };
}

test('a configuration is on trial until a later heartbeat is answered, and then confirmed', async () => {
  const { plane, configure, read } = await host();
  const seen: string[] = [];
  plane.fault.after = async ({ method }) => {
    if (method === 'heartbeat') seen.push(await read('calls'));
  };
  const done = await configure(['METHOD=static', 'IP_ADDRESS=10.0.0.8', 'PREFIX=24']);
  expect(done).toMatchObject({ state: TaskState.DONE });
  expect(seen).toEqual(['configure eth0 --confirm 60\n']);
  expect(await read('calls')).toBe('configure eth0 --confirm 60\nconfirm eth0\n');
  expect(await read('settings')).toBe('METHOD=static\nIP_ADDRESS=10.0.0.8\nPREFIX=24\n');
  expect(await configure([], 600)).toMatchObject({ state: TaskState.DONE });
  expect(await read('calls')).toMatch(/configure eth0 --confirm 600\nconfirm eth0\n$/);
});

test.each([
  ['a line that is not KEY=value', ['METHOD'], 0, /KEY=value/],
  ['two lines in one', ['METHOD=dhcp\nPSK=x'], 0, /KEY=value/],
  ['control characters', ['SSID=\u001b[2J'], 0, /KEY=value/],
  ['a trial of nine seconds', ['METHOD=dhcp'], 9, /10 to 600/],
  ['a trial of eleven minutes', ['METHOD=dhcp'], 660, /600/],
])('%s is refused without a call of qx-network', async (_, settings, seconds, message) => {
  const { configure, read } = await host();
  const end = await configure(settings, seconds);
  expect(end).toMatchObject({ error: { code: TaskErrorCode.INVALID } });
  expect(end.error?.message).toMatch(message);
  expect(await read('calls')).toBe('');
});

test('an error of qx-network is reported with its message: mistakes in the settings as INVALID, all others as CONFLICT', async () => {
  const { configure, folder, read } = await host();
  await writeFile(`${folder}/complaint`, 'qx-network: settings:2: unknown key\n');
  const mistake = await configure(['METHOD=dhcp', 'COLOUR=red']);
  expect(mistake.error).toMatchObject({
    code: TaskErrorCode.INVALID,
    message: 'settings:2: unknown key.',
  });
  await writeFile(`${folder}/complaint`, 'qx-network: eth0 is a port of br0\n');
  expect((await configure(['METHOD=dhcp'])).error).toMatchObject({ code: TaskErrorCode.CONFLICT });
  expect(await read('calls')).not.toMatch('confirm eth0');
});

test('a configuration during which the agent ends is reported as interrupted, and not confirmed after its restart', async () => {
  const { plane, agent, give, folder, read } = await host();
  await writeFile(`${folder}/hang`, '');
  const id = give(['METHOD=dhcp']);
  await expect.poll(() => read('calls')).toMatch('configure');
  await agent.stop();
  await agent.start();
  await agent.clock.skip();
  const end = await plane.node().tasks.ended(id);
  expect(end.error).toMatchObject({ code: TaskErrorCode.INTERRUPTED });
  expect(end.error?.message).toMatch(/eth0 has 10\.0\.0\.7\/24 \(static\).*undone in 42 s/);
  expect(await read('calls')).not.toMatch('confirm eth0');
});

test('the wait until a change is undone does not end early if the clock is set, or the state cannot be read once', async () => {
  const folder = await temporaryFolder();
  const program = join(folder, 'qx-network');
  await writeFile(program, `#!/bin/sh\n${STAND_IN}\n`, { mode: 0o755 });
  const status = (confirm: number | null) => {
    const interfaces = STATUS.interfaces.map((one) => ({ ...one, confirm }));
    return writeFile(`${folder}/status`, JSON.stringify({ ...STATUS, interfaces }));
  };
  await status(42);
  // The trial ends at once.
  const over = AbortSignal.abort();
  vi.spyOn(AbortSignal, 'timeout').mockReturnValueOnce(over);
  const verb = makeNetworkVerb({ program, reached: async () => over.throwIfAborted() });
  const value = { interface: 'eth0', settings: ['METHOD=dhcp'], confirmWithinSeconds: 10 };
  const calls = async () => (await readFile(`${folder}/calls`, 'utf8')).match(/^status/gm)?.length;
  const ended = verb.carryOut({
    task: create(TaskSchema, { verb: { case: 'configureNetwork', value } }),
    ...{ signal: new AbortController().signal, again: false, begunAt: new Date() },
    progress: () => undefined,
  });
  const failed = ended.catch((error: unknown) => error);
  await expect.poll(calls).toBe(1);
  const now = Date.now() + 3_600_000;
  vi.spyOn(Date, 'now').mockReturnValue(now);
  await writeFile(`${folder}/complaint`, 'qx-network: busy\n');
  await expect.poll(calls).toBe(2);
  await rm(`${folder}/complaint`);
  await status(null);
  expect(await failed).toMatchObject({
    code: TaskErrorCode.TIMEOUT,
    message: expect.stringContaining('it is undone: eth0 has 10.0.0.7/24'),
  });
});
