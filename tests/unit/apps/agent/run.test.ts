import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
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

/** Runs the agent during a test function. */
async function whileItRuns<T>(
  where: Awaited<ReturnType<typeof places>>,
  ask: () => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  const ended = run(where, ending.signal);
  try {
    return await ask();
  } finally {
    ending.abort();
    expect(await ended).toBe(0);
  }
}

test('a rejected node.yaml is a reported problem after each start, until the rejected file is removed', async () => {
  const where = await places();
  const file = join(where.folder, 'node.yaml');
  await mkdir(where.folder);
  await writeFile(file, 'pool: []\n');
  const question = { socketPath: where.socket, path: '/healthz', schema: healthSchema };
  const aside = async () => {
    const told = await vi.waitFor(() => askAgent(question), { timeout: 30_000 });
    return told.problems.filter((problem) => problem.includes('node.yaml'));
  };
  const first = await whileItRuns(where, aside);
  expect(first).toEqual([
    expect.stringMatching(/pool.*It was set aside as .*node\.yaml\.rejected\.$/),
  ]);
  const later = async () => {
    const before = await aside();
    await rm(`${file}.rejected`);
    return { before, after: await aside() };
  };
  expect(await whileItRuns(where, later)).toEqual({
    before: [
      `${file}.rejected: set aside because it has a mistake; remove this file once the mistake is corrected`,
    ],
    after: [],
  });
});

test('the agent of this machine starts, answers, and ends on request', async () => {
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
