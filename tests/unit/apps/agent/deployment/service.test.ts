import { readdir } from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { readRecord } from '../../../../../apps/agent/deployment/record.ts';
import { askRunning } from '../../../../../apps/agent/deployment/running.ts';
import { boot, type Host } from './host.ts';
import { makeOwnHost, Service, writeStandIn } from './service.ts';

vi.setConfig({ testTimeout: 240_000 });

/** Version of the agent that answers. */
async function answering({ places }: Host): Promise<string> {
  const answers = await askRunning(places);
  return 'silent' in answers ? 'none' : answers.agent.version;
}

/** Waits until an agent of this version answers. */
async function until(host: Host, version: string): Promise<void> {
  await vi.waitFor(async () => expect(await answering(host)).toBe(version), {
    timeout: 90_000,
    interval: 100,
  });
}

test.concurrent('a deployed agent replaces the image’s, is restarted when killed, and is not used by another image', async () => {
  await using host = await makeOwnHost();
  await using service = await Service.start(host);
  await until(host, '0.1.0');
  const { exitCode, all } = await service.run(['deploy', await writeStandIn(host, 'well')]);
  expect({ exitCode, all }).toMatchObject({ exitCode: 0 });
  expect(await answering(host)).toBe('0.2.0');
  service.kill();
  await until(host, '0.2.0');
  const newer = { version: '0.3.0', serial: 3, floor: 3 };
  expect((await service.run(['deploy', await writeStandIn(host, 'well', newer)])).exitCode).toBe(0);
  expect(await answering(host)).toBe('0.3.0');
  // Goes back to the agent before.
  expect((await service.run(['deploy', '--undo'])).exitCode).toBe(0);
  expect(await answering(host)).toBe('0.2.0');
  expect(await readdir(host.places.programs)).toHaveLength(1);
  // Once an agent has been confirmed, agents below its floor are refused, even after it was undone.
  const old = await service.run(['deploy', await writeStandIn(host, 'well', { version: '0.2.1' })]);
  expect(old).toMatchObject({ exitCode: 1 });
  expect(old.all).toContain('its serial is 2, and none below 3');
  // Another image runs its own agent; when the first image boots again, its deployed agent runs again.
  await boot(host, { build: 'ffffffffffffffff', id: 'boot-2' });
  service.kill();
  await until(host, '0.1.0');
  await boot(host, { build: '0123456789abcdef', id: 'boot-3' });
  service.kill();
  await until(host, '0.2.0');
  expect((await service.run(['deploy', '--undo'])).exitCode).toBe(0);
  expect(await answering(host)).toBe('0.1.0');
  expect(await readdir(host.places.programs)).toEqual([]);
});

// The time of a trial includes the starts of the agent's processes. The agent that crashes gets much time, so that even
// on a slow machine it is started three times before the time is over.
test.concurrent.each([
  ['deaf', 5, 'it was not ready within 5 s'],
  ['crashes', 60, 'it was started 3 times'],
] as const)(
  'an agent that fails in its trial is taken back, and that is reported: %s',
  async (mode, within, why) => {
    await using host = await makeOwnHost();
    await using service = await Service.start(host);
    await until(host, '0.1.0');
    const { exitCode, all } = await service.run(['deploy', await writeStandIn(host, mode)], within);
    expect({ exitCode, all }).toEqual({
      exitCode: 1,
      all: expect.stringMatching(/was taken back/),
    });
    expect(all).toMatch(why);
    expect(await answering(host)).toBe('0.1.0');
    const record = await readRecord(host.places.record);
    expect(record).toMatchObject({ active: null, trial: null, takenBack: { version: '0.2.0' } });
  },
);

test.concurrent.each([
  ['well', '0.2.0', 60],
  ['silent', '0.1.0', 5],
] as const)(
  'if command and agent are killed while an agent that is %s is deployed, version %s runs afterwards',
  async (mode, version, within) => {
    await using host = await makeOwnHost();
    await using service = await Service.start(host);
    await until(host, '0.1.0');
    const command = service.run(['deploy', await writeStandIn(host, mode)], within);
    await vi.waitFor(
      async () => expect((await readRecord(host.places.record))?.trial).toBeTruthy(),
      {
        timeout: 60_000,
        interval: 10,
      },
    );
    command.kill('SIGKILL');
    await command;
    service.kill();
    // The command was killed, so only the service can end the trial.
    await vi.waitFor(async () => expect((await readRecord(host.places.record))?.trial).toBeNull(), {
      timeout: 90_000,
      interval: 100,
    });
    await until(host, version);
    expect((await readRecord(host.places.record))?.active?.version ?? '0.1.0').toBe(version);
  },
);
