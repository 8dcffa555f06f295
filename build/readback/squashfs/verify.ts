import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { BuildError } from '../../error.ts';
import { makeIsolatedEnvironment } from '../../process/environment.ts';
import type { ExpectedContent } from '../compare.ts';
import { assertNone } from '../verdict.ts';
import type { Outcome, Task } from './thread.ts';

const THREAD = new URL('./thread.ts', import.meta.url);

/**
 * Reads a whole squashfs and compares it with the tree that it was made from: every path, and every byte of every file.
 * Runs in a separate thread.
 * @throws BuildError that lists the differences, or says why the image cannot be read
 */
export async function verifySquashfs(
  file: string,
  expected: ExpectedContent,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  const workerData: Task = { file, expected };
  // The thread does not get the caller's NODE_OPTIONS: the modules that they load are for processes, and may throw in a
  // thread.
  const worker = new Worker(THREAD, { workerData, env: makeIsolatedEnvironment(), execArgv: [] });
  try {
    const [outcome]: Outcome[] = await once(worker, 'message', { signal });
    if (outcome === undefined) throw new Error('the thread that reads back reported nothing');
    if ('failure' in outcome) throw new BuildError(outcome.failure);
    assertNone(outcome.problems, { what: 'the root filesystem', where: file });
  } finally {
    await worker.terminate();
  }
}
