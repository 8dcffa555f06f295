import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { askAgent } from '../../../../apps/agent/client/ask-agent.ts';
import { run } from '../../../../apps/agent/run.ts';
import { healthSchema } from '../../../../apps/api/health.ts';
import { temporaryFolder } from '../../folder.ts';

async function places() {
  const folder = await temporaryFolder();
  return {
    socket: join(folder, 'run', 'node.sock'),
    folder: join(folder, 'quantix'),
    logFile: join(folder, 'log', 'node.log'),
    uri: `test+unix:///default?socket=${folder}/no-libvirt`,
  };
}

test('the agent of this machine starts, answers, and ends when it is told to', async () => {
  const where = await places();
  const ending = new AbortController();
  const ended = run(where, ending.signal);
  const question = { socketPath: where.socket, path: '/healthz', schema: healthSchema };
  const health = await vi.waitFor(() => askAgent(question), { timeout: 100_000 });
  expect(health.problems).toEqual(
    expect.arrayContaining([expect.stringMatching(/^libvirt is not (running|installed)/)]),
  );
  await expect(run(where, AbortSignal.abort())).resolves.toBe(1);
  ending.abort();
  expect(await ended).toBe(0);
  const log = await readFile(where.logFile, 'utf8');
  expect(log).toContain(`info: listening on ${where.socket}`);
  expect(log).toContain(`error: another program listens on ${where.socket}`);
  expect(log.trimEnd().split('\n').at(-1)).toContain('info: qx-node ends');
});
