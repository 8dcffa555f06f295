import { copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, expect, test, vi } from 'vitest';
import { readToolVersions } from '../../../build/process/tool-versions.ts';
import { temporaryFolder } from '../folder.ts';

afterEach(() => vi.unstubAllEnvs());

/** A folder that is first on PATH, and a file in which versions are cached. */
async function hostWith() {
  const folder = await temporaryFolder();
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env.PATH}`);
  const memory = join(folder, 'cache/versions.json');
  const ask = async () => (await readToolVersions(['mksquashfs'], memory)).get('mksquashfs');
  return { folder, memory, ask };
}

test('the version of mksquashfs includes the versions of its compression libraries', async () => {
  const { ask } = await hostWith();
  expect(await ask()).toMatch(/^4\..* liblzma\.so\.5\.\d\S* libzstd\.so\.1\.\d\S*$/);
});

test('the version of a tool is cached as long as its file is unchanged', async () => {
  const { folder, memory, ask } = await hostWith();
  const { stdout } = await execa('which', ['mksquashfs']);
  await copyFile(stdout, join(folder, 'mksquashfs'));
  const version = await ask();
  const remembered = (await readFile(memory, 'utf8')).replace(/"version":"[^"]*"/, '"version":"9"');
  await writeFile(memory, remembered);
  expect(await ask()).toBe('9');
  await copyFile(stdout, join(folder, 'other'));
  await rename(join(folder, 'other'), join(folder, 'mksquashfs'));
  expect(await ask()).toBe(version);
});

test('the version of a script is read each time, because it may call anything', async () => {
  const { folder, ask } = await hostWith();
  const say = (version: string) =>
    writeFile(join(folder, 'mksquashfs'), `#!/bin/sh\necho 'mksquashfs version ${version}'\n`, {
      mode: 0o755,
    });
  await say('1');
  expect(await ask()).toMatch(/^1 /);
  await say('2');
  expect(await ask()).toMatch(/^2 /);
});

test('a script that calls the real tool has the library versions of that tool', async () => {
  const { folder, ask } = await hostWith();
  const plain = await ask();
  const { stdout } = await execa('which', ['mksquashfs']);
  const script = join(folder, 'mksquashfs');
  await writeFile(script, `#!/bin/sh\nexec ${stdout} "$@"\n`, { mode: 0o755 });
  expect(await ask()).toBe(plain);
});

test.each(['', '{', '[]', '{"/bin/x": 1}'])(
  'a cache file with the content %j is ignored',
  async (text) => {
    const { memory, ask } = await hostWith();
    await ask();
    await writeFile(memory, text);
    expect(await ask()).toMatch(/^4\./);
  },
);
