import { expect, test } from 'vitest';
import { run } from '../../../build/process/run.ts';

test('a missing tool is named together with the package that brings it', async () => {
  await expect(run('xorriso', [], { env: { PATH: '/nonexistent' } })).rejects.toThrow(
    'host tool xorriso is missing. Install it: apt-get install xorriso',
  );
});

test('a tool that fails is reported with its last words', async () => {
  await expect(run('dpkg-deb', ['--contents', '/nonexistent.deb'])).rejects.toThrow(
    /^dpkg-deb exited with 2: .*nonexistent\.deb/,
  );
});

test('a cancelled tool ends at once and says so', async () => {
  const cancel = new AbortController();
  const reading = run('dpkg-deb', ['--contents', '-'], { signal: cancel.signal });
  cancel.abort();
  await expect(reading).rejects.toThrow('dpkg-deb was cancelled.');
});
