import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, type TestContext } from 'vitest';

/** Registers work for the end of a test. */
export type Finished = TestContext['onTestFinished'];

/**
 * Makes a folder that is removed after the test.
 * @param finished `onTestFinished` of the test's context, if the tests of a file run at the same time
 */
export async function temporaryFolder(finished: Finished = onTestFinished): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-test-'));
  finished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
