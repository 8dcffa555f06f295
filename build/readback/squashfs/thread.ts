import { parentPort, workerData } from 'node:worker_threads';
import { BuildError, type Explanation } from '../../error.ts';
import type { ExpectedContent } from '../compare.ts';
import { compareSquashfs } from './compare-squashfs.ts';

/** Input of this thread. */
export interface Task {
  file: string;
  expected: ExpectedContent;
}

/** Result of this thread: the differences, or why the image cannot be read. */
export type Outcome = { problems: string[] } | { failure: Omit<Explanation, 'cause'> };

async function outcome({ file, expected }: Task): Promise<Outcome> {
  try {
    return { problems: await compareSquashfs(file, expected) };
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    const { what, where, fix } = error;
    return { failure: { what, where, fix } };
  }
}

parentPort?.postMessage(await outcome(workerData));
