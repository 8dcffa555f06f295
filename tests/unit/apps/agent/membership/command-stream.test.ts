import { once } from 'node:events';
import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test, vi } from 'vitest';
import { systemClock } from '../../../../../apps/watch/clock.ts';
import { members } from './agent.ts';

/**
 * A node whose stream of commands is refused until `accept` is called. Pauses after failures of the stream never end by
 * themselves.
 */
async function refusedNode(code: Code) {
  vi.spyOn(systemClock, 'sleep').mockImplementation(async (_milliseconds, signal) => {
    if (!signal.aborted) await once(signal, 'abort');
  });
  const { plane, agent } = await members();
  await agent.stop();
  agent.openCommands = async () => ({
    ...{ verbs: [], take: vi.fn(), cancel: vi.fn(), acknowledge: vi.fn() },
    nextReport: async (signal) => void (await once(signal, 'abort')),
  });
  const refused = Promise.withResolvers<void>();
  plane.fault = {
    before: ({ method }) => {
      if (method !== 'watch') return;
      refused.resolve();
      throw new ConnectError('not now', code);
    },
  };
  const countCalls = (name: string) => plane.calls.filter(({ method }) => method === name).length;
  const heartbeat = async () => {
    const next = countCalls('heartbeat') + 1;
    await agent.clock.skip();
    await plane.answered('heartbeat', next);
  };
  await agent.start();
  await agent.clock.skip();
  await refused.promise;
  return { plane, agent, heartbeat, countCalls };
}

test('an answered heartbeat ends the pause after which the stream of commands is opened again', async () => {
  const { plane, agent, heartbeat, countCalls } = await refusedNode(Code.Unavailable);
  plane.fault = {};
  while (countCalls('watch') === 1) await heartbeat();
  await plane.node().tasks.watched();
  await agent.stop();
});

test('a control plane without commands is not asked for them with each heartbeat', async () => {
  const { agent, heartbeat, countCalls } = await refusedNode(Code.Unimplemented);
  for (let count = 0; count < 5; count += 1) await heartbeat();
  expect(countCalls('watch')).toBe(1);
  await agent.stop();
});

test('a journal that cannot be opened is tried again, until the host takes tasks', async () => {
  const { plane, agent } = await members();
  await agent.stop();
  let tries = 0;
  agent.openCommands = async () => {
    tries += 1;
    if (tries < 3) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
    return {
      ...{ verbs: [], take: vi.fn(), cancel: vi.fn(), acknowledge: vi.fn() },
      nextReport: async (signal) => void (await once(signal, 'abort')),
    };
  };
  await agent.start();
  const watched = plane.node().tasks.watched();
  let isWatched = false;
  void watched.then(() => {
    isWatched = true;
  });
  while (!isWatched) await agent.clock.skip();
  expect(tries).toBe(3);
  const said = agent.lines.filter((line) => line.includes('commands cannot be received'));
  expect(said).toEqual(['commands cannot be received: EIO: i/o error, read']);
  await watched;
  await agent.stop();
});

test('deadlines stay right if the clock of the host is set while the stream is open', async () => {
  const { plane, agent } = await members();
  await agent.stop();
  const taken = Promise.withResolvers<number>();
  agent.openCommands = async () => ({
    ...{ verbs: [], cancel: vi.fn(), acknowledge: vi.fn() },
    take: (_task, ahead) => taken.resolve(ahead),
    nextReport: async (signal) => void (await once(signal, 'abort')),
  });
  await agent.start();
  await agent.clock.skip();
  await agent.said(/takes commands/);
  const hour = 3_600_000;
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + hour);
  plane.node().tasks.give({ verb: { case: 'startVm', value: { vmId: '' } } });
  const ahead = await taken.promise;
  expect(ahead).toBeGreaterThan(hour - 60_000);
  expect(ahead).toBeLessThan(hour + 60_000);
  vi.restoreAllMocks();
  await agent.stop();
});
