import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { printVersion } from '../../../tasks/builder-version.ts';
import { main } from '../../../tasks/command-line.ts';
import { makeCommandOutput } from '../../../tasks/ui/events.ts';
import { captureOutput } from './captured-output.ts';

const output = captureOutput();

/** Creates a folder with a builder of version 1.2.3. @returns the folder, and a function that runs git in it */
async function builder(): Promise<{ folder: string; git: (...args: string[]) => Promise<string> }> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-version-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'package.json'), '{"version":"1.2.3"}');
  const who = ['-c', 'user.name=a', '-c', 'user.email=a@b'];
  const git = async (...args: string[]) =>
    (await execa('git', ['-C', folder, ...who, ...args])).stdout;
  return { folder, git };
}

async function told(folder: string): Promise<string> {
  output.printed = '';
  await printVersion(folder, makeCommandOutput({ json: false }));
  return output.printed;
}

test('--version prints the version, the commit, and whether files differ from it', async () => {
  const { folder, git } = await builder();
  await git('init', '--quiet');
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'a');
  const commit = await git('rev-parse', 'HEAD');
  expect(await told(folder)).toBe(`qx-build 1.2.3 (commit ${commit})\n`);
  await writeFile(join(folder, 'new'), '');
  expect(await told(folder)).toBe(`qx-build 1.2.3 (commit ${commit}, and files differ from it)\n`);
});

test('--version prints that the commit is unknown if there is no repository', async () => {
  const { folder } = await builder();
  expect(await told(folder)).toMatch(/^qx-build 1\.2\.3 \(commit unknown: .+\)\n$/);
});

test('--version works alone and after a command, and is an event with --json', async () => {
  expect(await main(['--version'])).toBe(0);
  const alone = output.printed;
  expect(alone).toMatch(/^qx-build \d+\.\d+\.\d+ \(commit .+\)\n$/);
  output.printed = '';
  expect(await main(['iso', '--version', '--json'])).toBe(0);
  const { event, version } = JSON.parse(output.printed);
  expect([event, alone]).toEqual(['version', expect.stringContaining(` ${version} (`)]);
});
