import {
  copyFile,
  cp,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import {
  ARCHITECTURE_NAMES,
  type ArchitectureName,
  DEFAULT_ARCHITECTURE,
} from '../../build/architecture.ts';
import { cacheRooms } from '../../build/cache/directory.ts';
import { markCache } from '../../build/cache/mark.ts';
import { readProductVersion } from '../../build/image/product-version.ts';
import { parseLock } from '../../build/lock/file.ts';
import { listProfileNames } from '../../build/profile/load.ts';
import { LONGEST_OF_FOLDER, openEnvelope } from '../../build/release/envelope.ts';
import { readPublicKey } from '../../build/release/keys.ts';
import { parseProvenance, STATEMENT_TYPE } from '../../build/release/provenance.ts';
import { parseReleaseFiles, type ReleaseFile } from '../../build/release/release-files.ts';
import { readWorkflow, runJob, runSteps } from '../unit/ci/kit.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { schemaErrors } from '../unit/sbom/schemas.ts';
import { PROJECT } from '../vm/build-images.ts';
import { commitProject, SMALL_LOCKS, writeSmallProfile } from './small-release.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

/** Milliseconds for a complete release on a machine that may be busy with guests. */
const TIME = 600_000;

let workshop: Workshop;
let commit: string;
let folder: string;
let files: readonly ReleaseFile[];
let tag: string;
/** Summary that the workflow's job wrote, and the arguments with which it called `gh`. */
let summary: string;
let published: readonly string[];
/** The events of `qx-build release`, a line each. */
let events: string;

beforeAll(async () => {
  workshop = await openWorkshop({ programs: 'shared' });
  const { directory } = workshop;
  for (const name of listProfileNames(directory)) await rm(join(directory, `profiles/${name}.ts`));
  await writeSmallProfile(directory);
  for (const name of ARCHITECTURE_NAMES) {
    const locked = await workshop.run(['lock', '--base', 'debian', '--arch', name]);
    expect(locked.exitCode, locked.stderr).toBe(0);
  }
  const at = (name: string) => join(directory, '..', name);
  await writeFile(at('passphrase'), 'correct horse\n');
  await workshop.run(['key', 'new', at('release.key'), '--passphrase-file', at('passphrase')]);
  await mkdir(join(directory, 'release-keys'));
  await copyFile(at('release.pem'), join(directory, 'release-keys/2026.pem'));
  const git = (...words: string[]) => execa('git', words, { cwd: directory });
  await commitProject(directory);
  await git('tag', 'v0.0.1');
  const version = readProductVersion(directory);
  tag = `v${version}`;
  const author = ['-c', 'user.name=a', '-c', 'user.email=a@example.org'];
  await git(...author, 'commit', '--quiet', '--allow-empty', '--message', tag);
  await git('tag', tag);
  commit = (await git('rev-parse', 'HEAD')).stdout;
  ({ summary, published, events } = await releaseByWorkflow());
  folder = join(directory, 'dist', version);
  ({ files } = parseReleaseFiles(await readFile(join(folder, 'release.json'), 'utf8'), folder));
  return () => workshop[Symbol.asyncDispose]();
}, TIME);

/** Runs the steps that a tag starts on a fork. GitHub, apt-get and the installation of the toolchain are stand-ins. */
async function releaseByWorkflow() {
  const { directory, cache } = workshop;
  const home = await temporaryFolder(afterAll);
  const at = (name: string) => join(home, name);
  for (const name of ['bin', 'temp']) await mkdir(at(name));
  for (const [name, body] of Object.entries({
    ...{ 'apt-get': ':', make: ':', gh: `printf '%s\\n' "$@" >'${at('published')}'` },
  })) {
    await writeFile(at(`bin/${name}`), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }
  await writeFile(at('env'), '');
  const read = (name: string) => readFile(join(directory, '..', name), 'utf8');
  const values = {
    'secrets.QUANTIX_RELEASE_KEY': await read('release.key'),
    'secrets.QUANTIX_RELEASE_PASSPHRASE': (await read('passphrase')).trimEnd(),
    ...{ 'github.token': 'token', 'github.repository': 'me/fork' },
  };
  const steps = runSteps((await readWorkflow('appliances')).jobs.release?.steps ?? [], values);
  // The kernel with few modules is built quickest.
  const scripts = steps.map(({ run, env }) => ({
    env,
    run: run.replace(
      /-- release (.*?)\|/s,
      `-- release --flavour virt $1| tee '${at('events')}' |`,
    ),
  }));
  const { PATH = '', ...inherited } = process.env;
  const env = {
    ...Object.fromEntries(Object.entries(inherited).map(([name, value = '']) => [name, value])),
    ...{ PATH: `${at('bin')}:${PATH}`, HOME: home, RUNNER_TEMP: at('temp') },
    ...{ GITHUB_ENV: at('env'), GITHUB_STEP_SUMMARY: at('summary'), GITHUB_WORKSPACE: directory },
    ...{ GITHUB_REF_NAME: tag, GITHUB_SERVER_URL: 'https://github.example' },
    GITHUB_WORKFLOW_REF: `me/fork/.github/workflows/appliances.yml@refs/tags/${tag}`,
    QUANTIX_CACHE: cache.root,
  };
  await runJob(scripts, { cwd: directory, env });
  const lines = (await readFile(at('published'), 'utf8')).trimEnd().split('\n');
  const told = async (name: string) => await readFile(at(name), 'utf8');
  return { summary: await told('summary'), published: lines, events: await told('events') };
}

test('for a tag, the workflow builds, signs, verifies and publishes every file, with charts', async () => {
  expect(published.slice(0, 4)).toEqual(['release', 'create', tag, '--verify-tag']);
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).toSorted();
  expect(published.slice(-names.length)).toEqual(
    names.map((name) => `dist/${tag.slice(1)}/${name}`),
  );
  const iso = basename(pathOf('iso'));
  const isos = ARCHITECTURE_NAMES.map((name) => basename(pathOf('iso', name)));
  const charts = ['build', 'packages', 'sizes'].flatMap((of) =>
    isos.flatMap((one) => ['json', 'svg'].map((kind) => `${one}.${of}.${kind}`)),
  );
  expect(names).toEqual(expect.arrayContaining([...charts, 'release.json', 'SHA256SUMS.minisig']));
  const sums = await readFile(join(folder, 'SHA256SUMS'), 'utf8');
  for (const chart of charts) expect(sums).toContain(`  ${chart}\n`);
  const sizes = JSON.parse(await readFile(join(folder, `${iso}.sizes.json`), 'utf8'));
  expect(sizes.tree.parts.map(({ name }: { name: string }) => name).toSorted()).toEqual([
    ...['esp', 'initramfs', 'medium', 'rootfs'],
  ]);
  const build = JSON.parse(await readFile(join(folder, `${iso}.build.json`), 'utf8'));
  expect(build.steps.map(({ step }: { step: string }) => step)).toContain('squashfs');
  expect(summary).toContain('| squashfs |');
  expect(summary).toMatch(/^squashfs +#+ +\d/m);
  expect(summary).toMatch(/^ {2}rootfs +#+ +\d/m);
  expect(summary).toContain('Packages&#58; v0.0.1&#58;profiles/small.debian.');
});

test('a release reports how much of the disk its folder took at most: less than two and a half times its files', () => {
  const released = z.object({ event: z.literal('released'), kept: z.number(), peak: z.number() });
  const [told] = events
    .trimEnd()
    .split('\n')
    .flatMap((line) => released.safeParse(JSON.parse(line)).data ?? []);
  expect(told?.kept).toBe(files.reduce((sum, { size }) => sum + size, 0));
  expect((told?.peak ?? Number.NaN) / (told?.kept ?? Number.NaN)).toBeLessThan(2.5);
});

/** Returns the path of the only file of a kind for an architecture. */
function pathOf(
  kind: ReleaseFile['kind'],
  architecture: ArchitectureName = DEFAULT_ARCHITECTURE,
): string {
  const [file, ...more] = files.filter(
    (one) => one.kind === kind && one.architecture === architecture,
  );
  if (file === undefined || more.length > 0) throw new Error(`no one file is of kind ${kind}`);
  return join(folder, file.path);
}

/** Returns the output of a program for a file. */
async function asked(program: string, ...words: string[]): Promise<string> {
  return (await execa(program, words)).stdout;
}

test('a release has the image in all formats, and other programs can read each format', async () => {
  const kinds = (name: ArchitectureName) =>
    files.filter(({ architecture }) => architecture === name).map(({ kind }) => kind);
  expect(kinds('x86_64').toSorted()).toEqual([
    ...['iso', 'manifest', 'netboot', 'oci', 'ova', 'provenance', 'qcow2', 'raw'],
    ...['rootfs', 'sbom', 'sbom', 'vmdk'],
  ]);
  expect(await asked('xorriso', '-indev', pathOf('iso'), '-find', '/boot')).toContain(
    '/boot/vmlinuz',
  );
  expect(await asked('qemu-img', 'info', pathOf('qcow2'))).toContain('file format: qcow2');
  expect(await asked('qemu-img', 'info', pathOf('vmdk'))).toContain('create type: streamOptimized');
  expect(await asked('tar', '-tf', pathOf('ova'))).toMatch(
    /^small-[\d.]+\.ovf\nsmall-[\d.]+\.mf\n.*\.vmdk$/,
  );
  expect(await asked('tar', '-tf', pathOf('netboot'))).toBe(
    'boot.ipxe\nvmlinuz\ninitramfs\nmedium.cpio',
  );
  expect(await asked('tar', '-tf', pathOf('rootfs'))).toMatch(/^etc\/motd$/m);
  expect(await asked('tar', '-tf', pathOf('oci'))).toMatch(/^oci-layout$/m);
  const raw = join(await temporaryFolder(), 'disk.raw');
  await execa('zstd', ['-q', '-d', '--sparse', pathOf('raw'), '-o', raw]);
  await execa('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', raw, pathOf('qcow2')]);
  expect(kinds('arm64').toSorted()).toEqual([
    ...['iso', 'manifest', 'netboot', 'oci', 'provenance', 'qcow2', 'raw', 'rootfs'],
    ...['sbom', 'sbom'],
  ]);
  const [machine = '', loader = ''] = await Promise.all([
    asked('tar', '-xOf', pathOf('oci', 'arm64'), 'index.json'),
    asked('xorriso', '-indev', pathOf('iso', 'arm64'), '-find', '/EFI', '-name', '*.EFI'),
  ]);
  expect(machine).toContain('"architecture":"arm64"');
  expect(loader).toContain('BOOTAA64.EFI');
});

test('the signed provenance of each image names the commit and every format', async () => {
  for (const name of ARCHITECTURE_NAMES) {
    const document = await readFile(pathOf('provenance', name));
    const provenance = parseProvenance(document, 'provenance');
    expect(provenance.source).toEqual({ commit, dirty: false });
    const documents = ['manifest', 'provenance', 'sbom'];
    const forms = files.filter(
      ({ kind, architecture }) => architecture === name && !documents.includes(kind),
    );
    expect(provenance.subjects.map((one) => one.name)).toEqual(
      forms.map(({ path }) => path).toSorted(),
    );
  }
  const key = join(workshop.directory, '../release.pem');
  const verified = await workshop.run(['verify', '--key', key, folder]);
  expect(verified.stderr).toBe('');
  // The list omits two files, itself and its envelope, and seven for each architecture: the envelope of the provenance,
  // and three charts in two formats each.
  const others = 2 + 7 * ARCHITECTURE_NAMES.length;
  expect(verified.stdout).toContain(`${files.length + others} files, `);
});

test('the bills of materials of each image are valid according to the schemas of CycloneDX 1.6 and SPDX 2.3', async () => {
  for (const name of ARCHITECTURE_NAMES) {
    const bill = (ending: string) => readFile(`${pathOf('iso', name)}.${ending}.json`, 'utf8');
    expect(schemaErrors('cyclonedx', await bill('cdx'))).toEqual([]);
    expect(schemaErrors('spdx', await bill('spdx'))).toEqual([]);
  }
});

/** Returns the blocks of commands in docs/releases.md that begin with a line such as "```sh in the folder". */
async function blocksOf(name: string): Promise<string[]> {
  const page = await readFile(join(PROJECT, 'docs/releases.md'), 'utf8');
  const blocks = page.matchAll(new RegExp(`^\`\`\`sh ${name}\\n([\\s\\S]*?)^\`\`\``, 'gm'));
  return [...blocks].map(([, lines = '']) => lines);
}

/** Stands for npm in these blocks, from the folder of a project. */
const npmIn = (project: string) =>
  `npm() { shift 4; '${process.execPath}' ${project}/tasks/qx-build.ts "$@"; }`;

test('by docs/releases.md the release is verified: by the programs of any distribution, by OpenSSL alone, and by the builder', async () => {
  const place = await temporaryFolder();
  const at = (name: string) => join(place, name);
  await execa('cp', ['-r', '--link', folder, at('0.2.0')]);
  await copyFile(join(workshop.directory, '../release.pem'), at('release.pem'));
  for (const [form, name] of Object.entries({ minisign: 'release.pub', ssh: 'allowed_signers' })) {
    const shown = await workshop.run(['key', 'show', at('release.pem'), '--as', form]);
    await writeFile(at(name), shown.stdout);
  }
  const steps = [
    ...(await blocksOf('in the folder')).map((lines) => [lines, at('0.2.0')] as const),
    ...(await blocksOf('of the builder')).map((lines) => [lines, place] as const),
  ];
  expect(steps).toHaveLength(3);
  for (const [lines, cwd] of steps) {
    await execa('bash', ['-euc', `${npmIn(`'${workshop.directory}'`)}\n${lines}`], { cwd });
  }
});

/** Id of a user who is not the builder. */
const NOBODY = 65_534;

/**
 * Prefix of a command that runs it on one processor, and as nobody if the tests run as root.
 * @throws if nobody cannot reach Node
 */
async function asNobody(): Promise<{ words: string[]; isNobody: boolean }> {
  const alone = ['taskset', '-c', '0'];
  if (process.getuid?.() !== 0) return { words: alone, isNobody: false };
  const nobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const [program = '', ...words] = [...nobody, process.execPath, '--version'];
  await execa(program, words, { cwd: '/' });
  return { words: [...nobody, ...alone], isNobody: true };
}

/** Creates a cache with only the downloads of the images. */
async function downloadsOnly(root: string): Promise<void> {
  const own = cacheRooms(root);
  markCache(own);
  const locks = SMALL_LOCKS.map((path) => join(workshop.directory, path));
  const texts = await Promise.all(locks.map((name) => readFile(name, 'utf8')));
  const packages = locks.flatMap((name, index) => parseLock(texts[index] ?? '', name).packages);
  for (const { sha256, flavour } of packages) {
    if (flavour === 'full') continue;
    const blob = join('sha256', sha256.slice(0, 2), sha256);
    await mkdir(dirname(join(own.blobs, blob)), { recursive: true });
    await copyFile(join(workshop.cache.blobs, blob), join(own.blobs, blob));
  }
}

const recordSchema = z.object({
  subject: z.array(z.object({ name: z.string() })),
  predicate: z.object({
    commit: z.string(),
    reproduced: z.boolean(),
    files: z.array(z.object({ path: z.string(), result: z.string() })),
  }),
});

test(
  'by docs/releases.md another user rebuilds the release: in another folder, with another umask and time zone, on one processor',
  async () => {
    const [lines] = await blocksOf('of a rebuild');
    const place = await temporaryFolder();
    const at = (name: string) => join(place, name);
    await execa('git', ['clone', '-q', '--no-hardlinks', workshop.directory, at('quantix')]);
    await symlink(join(PROJECT, 'node_modules'), at('quantix/node_modules'));
    await cp(folder, at('0.2.0'), { recursive: true });
    await copyFile(join(workshop.directory, '../release.pem'), at('release.pem'));
    await downloadsOnly(at('cache'));
    const { words, isNobody } = await asNobody();
    if (isNobody) await execa('chown', ['-R', `${NOBODY}:${NOBODY}`, place]);
    const script = `umask 077\n${npmIn('.')}\n${lines}`;
    const [program = '', ...before] = [...words, 'bash', '-euc', script];
    const { stdout } = await execa(program, before, {
      cwd: place,
      env: { TZ: 'Asia/Kathmandu', HOME: place, QUANTIX_CACHE: at('cache') },
    });
    expect(stdout).toContain(`again from commit ${commit.slice(0, 12)}`);
    const record = await readFile(at('quantix/rebuild.intoto.jsonl'));
    const { payload } = openEnvelope(record, {
      payloadType: STATEMENT_TYPE,
      trusted: [readPublicKey(await readFile(at('my.pem'), 'utf8'), 'my', 'my.pem')],
      ...{ where: 'rebuild.intoto.jsonl', longest: LONGEST_OF_FOLDER },
    });
    const { subject, predicate } = recordSchema.parse(JSON.parse(payload.toString()));
    expect(predicate).toMatchObject({ commit, reproduced: true });
    const names = files.map(({ path }) => path);
    expect(predicate.files.map(({ path }) => path)).toEqual(names);
    expect(subject.map(({ name }) => name)).toEqual(['release.json', ...names]);
    const { uid } = await stat(at('quantix/rebuild.intoto.jsonl'));
    expect(uid === process.getuid?.()).toBe(!isNobody);
  },
  TIME,
);
