import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import {
  REMOTE_CACHE_PATHS,
  REMOTE_CACHE_VARIABLES,
  readRemoteCacheSettings,
} from '../../../build/remote-cache/settings.ts';
import { temporaryFolder } from '../folder.ts';
import { TIME } from './runner.ts';

vi.setConfig({ testTimeout: TIME });

const PROJECT = resolve(import.meta.dirname, '../../..');
const text = await readFile(join(PROJECT, 'docs/scaling.md'), 'utf8');
const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, lines]) => lines ?? '');

/** Returns the settings in the environment in which a block calls make. It runs in the folder with the keys. */
async function settingsOf(block: string, folder: string) {
  const script = `make() { env; }\n${block}`;
  const { stdout } = await execa('bash', ['-euc', script], { cwd: folder, env: { HOME: folder } });
  const variables = new Map(
    stdout.split('\n').map((line) => [line.split('=')[0] ?? '', line.replace(/^[^=]*=/, '')]),
  );
  const set = REMOTE_CACHE_VARIABLES.filter((name) => variables.has(name)).map((name) => {
    const isPath = REMOTE_CACHE_PATHS.some((path) => path === name);
    const value = variables.get(name) ?? '';
    return [name, isPath ? resolve(folder, value) : value];
  });
  return readRemoteCacheSettings({ HOME: folder, ...Object.fromEntries(set) });
}

test('the commands of docs/scaling.md make keys with which readers trust the results of workers', async () => {
  expect(blocks).toHaveLength(4);
  const [keys = '', reading = '', writing = ''] = blocks;
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'package.json'), '{}');
  const npm = `npm() { shift 4; '${process.execPath}' '${PROJECT}/tasks/qx-build.ts' "$@"; }`;
  await execa('bash', ['-euc', `${npm}\n${keys}`], { cwd: folder });
  const reader = await settingsOf(reading, folder);
  const writer = await settingsOf(writing, folder);
  expect([reader?.signer, writer?.signer?.type]).toEqual([undefined, 'private']);
  expect(reader?.trusted.map(({ name }) => name)).toEqual(['ci-2026']);
  expect(writer?.trusted[0]?.id).toBe(reader?.trusted[0]?.id);
});

test('the release command of docs/scaling.md builds without results of other runners', async () => {
  const [, , , release = ''] = blocks;
  const make = 'make() { command make -n --old-file=node_modules/.ready "$@"; }';
  const { stdout } = await execa('bash', ['-euc', `${make}\n${release}`], { cwd: PROJECT });
  expect(stdout.replaceAll(/[\\\s]+/g, ' ')).toMatch(
    / iso --base auto --release.* --no-remote-cache/,
  );
});

test('docs/scaling.md documents each variable', () => {
  for (const name of REMOTE_CACHE_VARIABLES) expect(text).toContain(`| \`${name}\``);
});
