import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import type { BaseName } from '../../../build/bases.ts';
import {
  checkCommand,
  commandsOf,
  type Fork,
  makeFork,
  programs,
  readGitlabJob,
  remoteCacheOf,
  shellComplaints,
  TIME,
} from './kit.ts';

vi.setConfig({ testTimeout: TIME });

/** Variables that GitLab sets in a job, and those of the project. */
const VARIABLES = {
  ...{
    CI_COMMIT_TAG: 'v0.2.0',
    CI_PROJECT_ID: '7',
    CI_PROJECT_NAME: 'fork',
    CI_JOB_TOKEN: 'token',
  },
  ...{
    CI_PROJECT_URL: 'https://gitlab.example/me/fork',
    CI_API_V4_URL: 'https://gitlab.example/api',
  },
  ...{ CI_SERVER_HOST: 'gitlab.example', QUANTIX_PUSH_TOKEN: 'push token' },
  ...{ PROFILE: 'qvdc', ARCH: 'arm64', BASE: 'auto', CI_DEFAULT_BRANCH: 'main' },
};

const JOBS = ['.quantix', '.image', 'release', 'locks'];

/** The script of a job as one text, because one shell runs all its lines. */
const scriptOf = async (job: string) => (await readGitlabJob(job)).script.join('\n');

test('shellcheck finds nothing in the jobs', async () => {
  const jobs = await Promise.all(JOBS.map(readGitlabJob));
  const scripts = jobs.map(({ before_script, script }) => [...before_script, ...script].join('\n'));
  expect(await shellComplaints(scripts)).toBe('');
});

test('the job of an image builds it, reports its problems and sizes, and prunes the cache', async () => {
  const fork = await makeFork(VARIABLES);
  await fork.job([{ run: await scriptOf('.image') }]);
  expect((await commandsOf(fork)).toSorted()).toEqual([
    'annotate --code-quality code-quality.json',
    'cache prune --size 2GB',
    'iso --json --profile qvdc --arch arm64 --base auto',
    'report build dist/a.iso --output dist/charts',
    'report sizes dist/a.iso --output dist/charts',
  ]);
});

test('only builds of the default branch fill the remote cache, if there is a private key', async () => {
  const build = async (variables: Record<string, string>) => {
    const fork = await makeFork({ ...VARIABLES, ...variables });
    await writeFile(join(fork.home, 'key'), '');
    const env = { QUANTIX_REMOTE_CACHE_KEY: join(fork.home, 'key') };
    const { CI_COMMIT_BRANCH: branch } = variables;
    await fork.job([{ run: await scriptOf('.image'), ...(branch !== undefined && { env }) }]);
    const told = (await remoteCacheOf(fork)).filter((line) => !/^\d+$/.test(line));
    return told.map((line) => line.replace('QUANTIX_REMOTE_CACHE_', ''));
  };
  expect(await build({ CI_COMMIT_BRANCH: 'main' })).toEqual(['KEY=~/key', 'WRITE=yes']);
  expect(await build({ CI_COMMIT_BRANCH: 'feature' })).toEqual([]);
  expect(await build({})).toEqual([]);
});

/** A fork with the files in which GitLab provides the key and its passphrase. */
async function withKey(variables: Partial<typeof VARIABLES> = {}): Promise<Fork> {
  const fork = await makeFork({ ...VARIABLES, ...variables });
  await writeFile(join(fork.home, 'key'), 'key');
  await writeFile(join(fork.home, 'passphrase'), 'secret');
  return fork;
}

const release = async (fork: Fork) => {
  const env = {
    QUANTIX_RELEASE_KEY: join(fork.home, 'key'),
    QUANTIX_RELEASE_PASSPHRASE: join(fork.home, 'passphrase'),
  };
  await fork.job([{ run: await scriptOf('release'), env }]);
};

test('a tag makes a release: built, signed, verified, published', async () => {
  const fork = await withKey();
  await release(fork);
  expect((await commandsOf(fork)).filter((words) => words !== 'annotate')).toEqual([
    'release --json --arch x86_64 arm64 --release-keys release-keys --builder https://gitlab.example/me/fork',
    'sign --key ~/key --passphrase-file ~/passphrase dist/0.2.0',
    'verify --key release-keys/2026.pem dist/0.2.0',
  ]);
  const sent = (await programs(fork, 'curl')).map((args) => args.at(-1));
  expect(sent).toEqual([
    'https://gitlab.example/api/projects/7/packages/generic/fork/0.2.0/SHA256SUMS',
    'https://gitlab.example/api/projects/7/packages/generic/fork/0.2.0/a.iso',
    'https://gitlab.example/api/projects/7/releases',
  ]);
});

test('a release is compared with the previous one', async () => {
  const fork = await withKey();
  await fork.tag('v0.1.0', 'v0.2.0');
  await release(fork);
  const command = (await commandsOf(fork)).find((words) => words.startsWith('release '));
  expect(command).toContain(' --since v0.1.0 --builder ');
});

test('a tag that differs from the version makes no release', async () => {
  const fork = await withKey({ CI_COMMIT_TAG: 'v0.3.0' });
  await expect(release(fork)).rejects.toThrow('version of package.json is 0.2.0, the tag v0.3.0');
  expect(await commandsOf(fork)).toEqual([]);
});

test.each<[string, BaseName[], string]>([
  ['changed locks are', ['alpine', 'debian'], 'openssl 1 → 2'],
  ['a first lock is', ['debian'], '### First lock: qvdc\\.alpine\\.x86_64\n'],
])(
  '%s proposed with the changes, and the token is in no command line',
  async (_, bases, alpine) => {
    const fork = await makeFork(VARIABLES, bases);
    await writeFile(join(fork.home, 'moves'), '');
    const git = (...args: string[]) =>
      execa('git', args, { cwd: fork.folder, env: { HOME: fork.home } });
    const origin = join(fork.home, 'origin.git');
    await git('config', '--global', `url.${origin}.insteadOf`, `${VARIABLES.CI_PROJECT_URL}.git`);
    await execa('git', ['config', 'receive.advertisePushOptions', 'true'], { cwd: origin });
    await fork.job([{ run: await scriptOf('locks') }]);
    await commandsOf(fork);
    const { stdout } = await execa('git', ['log', '--stat', '--format=%B', '-1', 'refresh-locks'], {
      cwd: origin,
    });
    expect(stdout).toMatch(new RegExp(`^Refresh the locks\n\n${alpine}\nopenssl 1 → 2\n`));
    expect(stdout).toContain('2 files changed');
    expect(await scriptOf('locks')).not.toMatch(/https?:\/\/[^/]*QUANTIX_PUSH_TOKEN/);
  },
);

test('these tests detect a command that qx-build does not accept', async () => {
  await expect(checkCommand(['iso', '--colour'])).rejects.toThrow('Unknown argument: colour');
  await expect(checkCommand(['verify', 'dist'])).rejects.toThrow('Missing required argument: key');
  await expect(checkCommand(['iso', '--arch', 'sparc'])).rejects.toThrow('Given: "sparc"');
});
