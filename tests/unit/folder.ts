import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, type TestContext } from 'vitest';

/** Notes what is to be done when a test has ended. */
export type Finished = TestContext['onTestFinished'];

/**
 * A folder that is gone after the test.
 * @param finished the one of the test's context, where tests of a file run at the same time
 */
export async function temporaryFolder(finished: Finished = onTestFinished): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-test-'));
  finished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
