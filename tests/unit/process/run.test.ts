import { chmod, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type RunOptions, run } from '../../../build/process/run.ts';
import { readToolVersion } from '../../../build/process/tool-version.ts';
import { temporaryFolder } from '../folder.ts';

test('a missing tool is named together with the package that brings it', async () => {
  await expect(run('xorriso', [], { env: { PATH: '/nonexistent' } })).rejects.toThrow(
    'host tool xorriso is missing. Install it: apt-get install xorriso',
  );
});

test('a failed tool is reported with the end of its output', async () => {
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

/** Runs a script in place of mtype. */
async function runScript(script: string, options: RunOptions = {}): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'mtype'), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, 'mtype'), 0o755);
  const PATH = `${folder}${delimiter}${process.env.PATH}`;
  return run('mtype', ['a b', '$HOME'], { ...options, env: { PATH, ...options.env } });
}

/** Sets variables of this process for one test. */
function setVariables(variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
}

test('arguments reach a tool unchanged, and its output is returned', async () => {
  expect(await runScript('printf "<%s>" "$@"; cat', { input: 'read' })).toBe('<a b><$HOME>read');
});

test('a tool speaks English in UTC whatever the host does, and gets the variables that it is given', async () => {
  const told = await runScript('echo "$LC_ALL $TZ $SOURCE_DATE_EPOCH"', {
    env: { SOURCE_DATE_EPOCH: '7' },
  });
  expect(told).toBe('C.UTF-8 UTC 7');
});

test("of the caller's variables a tool gets PATH, TMPDIR and the proxies, and no others", async () => {
  const caller = await runScript('/usr/bin/env | cut -d= -f1 | sort');
  setVariables({ http_proxy: 'http://proxy', TMPDIR: '/tmp', SOURCE_DATE_EPOCH: 'soon' });
  setVariables({ XZ_DEFAULTS: '-9', GREP_OPTIONS: '-v', POSIXLY_CORRECT: '1', LANG: 'tr_TR' });
  const environment = await runScript('/usr/bin/env | cut -d= -f1 | sort');
  const names = new Set([...caller.split('\n'), 'http_proxy', 'TMPDIR']);
  expect(environment.split('\n')).toEqual([...names].sort());
});

test('a tool has no home, and cannot make one: npm leaves logs wherever it can', async () => {
  expect(await runScript('mkdir -p "$HOME/.npm" 2>/dev/null && echo made || echo refused')).toBe(
    'refused',
  );
});

test('a mtools configuration of the caller is not read, whether variables or files hold it', async () => {
  const folder = await temporaryFolder();
  const configuration = join(folder, '.mtoolsrc');
  await writeFile(configuration, 'mtools_skip_check=1\nmtools_lower_case=1\n');
  setVariables({ HOME: folder, MTOOLSRC: configuration, MTOOLS_NFATS: '1', MTOOLS_NO_VFAT: '1' });
  const image = join(folder, 'x.img');
  await run('mformat', ['-C', '-i', image, '-T', '8192', '-h', '16', '-s', '32', '::']);
  const bootSector = (await readFile(image)).subarray(0, 512);
  expect(bootSector.readUInt8(16), 'copies of the file allocation table').toBe(2);
  const told = await runScript('echo $MTOOLS_SKIP_CHECK $MTOOLS_LOWER_CASE $MTOOLS_NO_VFAT');
  expect(told).toBe('0 0 0');
});

test('a configuration of xorriso in the home folder is not read', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, '.xorrisorc'), '-publisher HOSTILE\n');
  await writeFile(join(folder, 'file'), 'content');
  const image = join(folder, 'x.iso');
  const args = ['-as', 'mkisofs', '-quiet', '-o', image, join(folder, 'file')];
  await run('xorriso', args, { env: { HOME: folder } });
  expect((await readFile(image)).includes('HOSTILE')).toBe(false);
});

test('the last three lines of a failed tool are reported', async () => {
  await expect(runScript('seq 9 >&2; exit 3')).rejects.toThrow(
    /^mtype exited with 3: 7 \| 8 \| 9\.$/,
  );
  await expect(runScript('exit 4')).rejects.toThrow(/^mtype exited with 4\.$/);
});

test('a killed tool is reported with the signal', async () => {
  await expect(runScript('kill -SEGV $$')).rejects.toThrow(/^mtype got SIGSEGV\.$/);
});

test.each([
  'write: No space left on device',
  'libburn : FAILURE : Image size 9s exceeds free space on media 1s',
])('a full disk is reported in words: %s', async (words) => {
  await expect(runScript(`echo '${words}' >&2; exit 5`)).rejects.toThrow(
    /^the disk is full: mtype could not write its output\. Free space/,
  );
});

test("the version of a tool is read from its output, and another program's output is refused", async () => {
  const folder = await temporaryFolder();
  setVariables({ PATH: `${folder}${delimiter}${process.env.PATH}` });
  const say = async (words: string) => {
    await writeFile(join(folder, 'mksquashfs'), `#!/bin/sh\necho '${words}'\n`, { mode: 0o755 });
    return readToolVersion('mksquashfs');
  };
  expect(await say('mksquashfs version 4.6.1 (2023/03/25)\ncopyright')).toBe('4.6.1 (2023/03/25)');
  await expect(say('BusyBox v1.36')).rejects.toThrow(
    'mksquashfs does not say its version: BusyBox v1.36. Another program of this name',
  );
});
