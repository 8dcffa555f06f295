/** Runs all tests, as CI does on a clean clone: as root, first installs what the tests of the Docker builder need. */
import { ensureInstalled } from '../build/host/install.ts';
import { DOCKER_TEST_REQUIREMENTS } from '../build/host/requirements.ts';
import { isRoot } from '../build/process/environment.ts';
import { makeCallerShell } from '../build/process/shell.ts';

const shell = makeCallerShell({ stdio: 'inherit' });
try {
  // Outside CI, these tests are skipped if there is no Docker.
  if (isRoot()) await ensureInstalled(DOCKER_TEST_REQUIREMENTS, { say: console.log });
  await shell`make test`;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
