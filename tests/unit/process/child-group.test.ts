import { chmod, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { feedTool } from '../../../build/process/feed.ts';
import { run } from '../../../build/process/run.ts';
import { temporaryFolder } from '../folder.ts';
import { isRunning } from './living.ts';

/**
 * A script in place of a tool that runs another program, as fakeroot runs mksquashfs; both record their process IDs.
 */
async function toolWithChild(script: string) {
  const folder = await temporaryFolder();
  const file = join(folder, 'fakeroot');
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  const pids = async () => {
    const text = await readFile(join(folder, 'pids'), 'utf8');
    return text.trim().split('\n').map(Number);
  };
  const PATH = `${folder}${delimiter}${process.env.PATH}`;
  return { options: { cwd: folder, env: { PATH } }, pids };
}

async function living(pids: () => Promise<number[]>): Promise<boolean[]> {
  return Promise.all((await pids()).map(isRunning));
}

const STARTS_CHILD = 'sleep 1000 & echo "$$\n$!" >pids';
const CHILD_OUTLIVES_LEADER = `${STARTS_CHILD}; wait`;
const IGNORES_TERM = `trap "" TERM; ${STARTS_CHILD}; wait`;

test.each([
  ['whose child would go on by itself', CHILD_OUTLIVES_LEADER],
  ['that does not heed SIGTERM', IGNORES_TERM],
])('a cancelled tool %s ends together with its child', async (_name, script) => {
  const { options, pids } = await toolWithChild(script);
  const cancel = new AbortController();
  const running = run('fakeroot', [], { ...options, signal: cancel.signal });
  const rejected = expect(running).rejects.toThrow('fakeroot was cancelled.');
  await vi.waitFor(async () => expect(await pids()).toHaveLength(2), 30_000);
  cancel.abort();
  await rejected;
  await vi.waitFor(async () => expect(await living(pids)).toEqual([false, false]), 30_000);
});

test('when the source of a fed tool fails, the tool’s children end too', async () => {
  const { options, pids } = await toolWithChild(`${STARTS_CHILD}; cat >/dev/null`);
  function* broken() {
    for (let chunks = 0; chunks < 20; chunks += 1) yield Buffer.alloc(64 * 1024);
    throw new Error('the file is gone');
  }
  await expect(feedTool(['fakeroot'], broken(), options)).rejects.toThrow('the file is gone');
  await vi.waitFor(async () => expect(await living(pids)).toEqual([false, false]), 30_000);
});
