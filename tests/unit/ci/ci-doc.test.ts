import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { listProfileNames } from '../../../build/profile/load.ts';
import { PROJECT } from '../profile/profiles.ts';
import { commandsOf, makeFork, programs, readKit, TIME } from './kit.ts';

vi.setConfig({ testTimeout: TIME });

const text = await readFile(join(PROJECT, 'docs/ci.md'), 'utf8');

/** Returns the block of the document that begins with a line such as "```sh of the key". */
const block = (name: string) =>
  new RegExp(`^\`\`\`${name}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(text)?.[1] ?? '';

const AUTHOR = {
  ...{ GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@example.org' },
  ...{ GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@example.org' },
};

test('the commands of docs/ci.md give a fork its workflows, its key, and the tag of a release', async () => {
  const fork = await makeFork(AUTHOR);
  await rm(join(fork.folder, 'release-keys'), { recursive: true });
  await writeFile(join(fork.folder, 'passphrase'), 'secret');
  await fork.job(['workflows', 'key'].map((name) => ({ run: block(`sh of the ${name}`) })));
  await fork.job([{ run: block('sh of a release') }]);
  expect(await commandsOf(fork)).toEqual(['key new release.key --passphrase-file passphrase']);
  const git = async (...args: string[]) =>
    (await execa('git', args, { cwd: join(fork.home, 'origin.git') })).stdout;
  expect(await git('tag')).toBe('v0.2.0');
  const files = (await git('ls-tree', '-r', '--name-only', 'v0.2.0')).split('\n');
  expect(files).toEqual(
    expect.arrayContaining(['.github/workflows/appliances.yml', 'release-keys/2026.pem']),
  );
  expect(files.filter((file) => /release\.key|passphrase/.test(file))).toEqual([]);
  const appliances = await readKit('github/workflows/appliances.yml');
  for (const [word, , name = '', ...rest] of (await programs(fork, 'gh')).slice(1)) {
    expect(`${word} ${rest.join(' ')}`).toBe('secret --env release');
    expect(appliances).toContain(`\${{ secrets.${name} }}`);
  }
});

test('qx-build accepts the commands for other CI systems', async () => {
  const fork = await makeFork({});
  await fork.job([{ run: block('sh of annotations') }]);
  expect((await commandsOf(fork)).toSorted()).toEqual([
    'annotate --summary summary.md',
    'iso --json --profile qvdc',
  ]);
});

const inputs = z.record(z.string(), z.object({ default: z.string() }));

test('the workflow has the inputs of docs/ci.md, and builds all profiles by default', async () => {
  const build = parse(await readKit('github/workflows/build.yml'));
  const known = inputs.parse(build.on.workflow_call.inputs);
  expect(JSON.parse(known.profiles?.default ?? '')).toEqual(listProfileNames(PROJECT));
  const called = parse(block('yaml')).jobs.build;
  expect(Object.keys(known)).toEqual(expect.arrayContaining(Object.keys(called.with)));
  const include = /^include:\n.*: (\S+)$/m.exec(text)?.[1] ?? '';
  const jobs = Object.values(parse(await readFile(join(PROJECT, include), 'utf8')));
  const variables = z.object({ variables: z.object({ PROFILE: z.string() }) });
  const built = jobs.flatMap((job) => variables.safeParse(job).data?.variables.PROFILE ?? []);
  expect([...new Set(built)].toSorted()).toEqual(listProfileNames(PROJECT));
});
