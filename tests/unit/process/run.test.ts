import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type RunOptions, run } from '../../../build/process/run.ts';
import { toolVersion } from '../../../build/process/tool-version.ts';
import { temporaryFolder } from '../folder.ts';

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

/** Runs a script in the place of xorriso. */
async function runScript(script: string, options: RunOptions = {}): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'xorriso'), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, 'xorriso'), 0o755);
  const PATH = `${folder}${delimiter}${process.env.PATH}`;
  return run('xorriso', ['a b', '$HOME'], { ...options, env: { PATH, ...options.env } });
}

test('arguments reach a tool as they are, and its output comes back', async () => {
  expect(await runScript('printf "<%s>" "$@"; cat', { input: 'read' })).toBe('<a b><$HOME>read');
});

test('a tool speaks English in UTC whatever the host does, and knows what it is told', async () => {
  const told = await runScript('echo "$LC_ALL $TZ $SOURCE_DATE_EPOCH [$HOME]"', {
    env: { SOURCE_DATE_EPOCH: '7', HOME: undefined },
  });
  expect(told).toBe('C.UTF-8 UTC 7 []');
});

test('of a tool that fails the last three lines are told', async () => {
  await expect(runScript('seq 9 >&2; exit 3')).rejects.toThrow(
    /^xorriso exited with 3: 7 \| 8 \| 9\.$/,
  );
  await expect(runScript('exit 4')).rejects.toThrow(/^xorriso exited with 4\.$/);
});

test('a tool that was killed is told with the signal', async () => {
  await expect(runScript('kill -SEGV $$')).rejects.toThrow(/^xorriso got SIGSEGV\.$/);
});

test.each([
  'write: No space left on device',
  'libburn : FAILURE : Image size 9s exceeds free space on media 1s',
])('a full disk is told in words: %s', async (words) => {
  await expect(runScript(`echo '${words}' >&2; exit 5`)).rejects.toThrow(
    /^the disk is full: xorriso could not write its output\. Free space/,
  );
});

test('the version of a tool is what it says, and another program is not believed', async () => {
  const folder = await temporaryFolder();
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env.PATH}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const say = async (words: string) => {
    await writeFile(join(folder, 'mksquashfs'), `#!/bin/sh\necho '${words}'\n`, { mode: 0o755 });
    return toolVersion('mksquashfs');
  };
  expect(await say('mksquashfs version 4.6.1 (2023/03/25)\ncopyright')).toBe('4.6.1 (2023/03/25)');
  await expect(say('BusyBox v1.36')).rejects.toThrow(
    'mksquashfs does not say its version: BusyBox v1.36. Another program of this name',
  );
});
