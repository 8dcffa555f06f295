import { copyFile, cp, mkdir, readdir, readFile, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { cacheRooms } from '../../build/cache/directory.ts';
import { markCache } from '../../build/cache/mark.ts';
import { parseLock } from '../../build/lock/file.ts';
import { LONGEST_OF_FOLDER, openEnvelope } from '../../build/release/envelope.ts';
import { readPublicKey } from '../../build/release/keys.ts';
import { parseProvenance, STATEMENT_TYPE } from '../../build/release/provenance.ts';
import { parseReleaseFiles, type ReleaseFile } from '../../build/release/release-files.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { PROJECT } from '../vm/build-images.ts';
import { commitProject, SMALL, SMALL_LOCK, writeSmallProfile } from './small-release.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

/** The kernel flavour with few modules, for the quickest build. */
const RELEASE = ['release', '--profile', SMALL, '--base', 'debian', '--flavour', 'virt'];
/** Milliseconds for a complete release on a machine that may be busy with guests. */
const TIME = 600_000;

let workshop: Workshop;
let commit: string;
let folder: string;
let files: readonly ReleaseFile[];

beforeAll(async () => {
  workshop = await openWorkshop({ programs: 'shared' });
  const { directory } = workshop;
  await writeSmallProfile(directory);
  const locked = await workshop.run(['lock', '--base', 'debian', '--profile', SMALL]);
  expect(locked.exitCode, locked.stderr).toBe(0);
  commit = await commitProject(directory);
  const key = join(directory, '../release.key');
  await workshop.run(['key', 'new', key, '--plain']);
  const released = await workshop.run([...RELEASE, '--key', key, '--output', '../dist']);
  expect(released.exitCode, released.stderr).toBe(0);
  const [version = ''] = await readdir(join(directory, '../dist'));
  folder = join(directory, '../dist', version);
  ({ files } = parseReleaseFiles(await readFile(join(folder, 'release.json'), 'utf8'), folder));
  return () => workshop[Symbol.asyncDispose]();
}, TIME);

/** Returns the path of the only file of a kind. */
function pathOf(kind: ReleaseFile['kind']): string {
  const [file, ...more] = files.filter((one) => one.kind === kind);
  if (file === undefined || more.length > 0) throw new Error(`no one file is of kind ${kind}`);
  return join(folder, file.path);
}

/** Returns the output of a program for a file. */
async function asked(program: string, ...words: string[]): Promise<string> {
  return (await execa(program, words)).stdout;
}

test('a release has the image in all formats, and other programs take each for what it is', async () => {
  expect(files.map(({ kind }) => kind).toSorted()).toEqual([
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
});

test('its provenance names the commit and every form, and all is signed', async () => {
  const provenance = parseProvenance(await readFile(pathOf('provenance')), 'provenance');
  expect(provenance.source).toEqual({ commit, dirty: false });
  const papers = ['manifest', 'provenance', 'sbom'];
  const forms = files.filter(({ kind }) => !papers.includes(kind));
  expect(provenance.subjects.map(({ name }) => name)).toEqual(
    forms.map(({ path }) => path).toSorted(),
  );
  const key = join(workshop.directory, '../release.pem');
  const verified = await workshop.run(['verify', '--key', key, folder]);
  expect(verified.stderr).toBe('');
  expect(verified.stdout).toContain(`${files.length + 3} files, `);
});

/** Id of a user who is not the builder. */
const NOBODY = 65_534;

/** Prefix of a command that runs it on one processor, and as nobody if that user can reach Node. */
async function asStranger(): Promise<{ words: string[]; isNobody: boolean }> {
  const alone = ['taskset', '-c', '0'];
  const nobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const [program = '', ...words] = [...nobody, process.execPath, '--version'];
  const tried = await execa(program, words, { reject: false, cwd: '/' });
  return tried.exitCode === 0
    ? { words: [...nobody, ...alone], isNobody: true }
    : { words: alone, isNobody: false };
}

/** Creates a cache with only the downloads of the image. */
async function downloadsOnly(root: string): Promise<void> {
  const own = cacheRooms(root);
  markCache(own);
  const name = join(workshop.directory, SMALL_LOCK);
  const { packages } = parseLock(await readFile(name, 'utf8'), name);
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
  'a stranger makes it again by docs/releases.md: in another place, with another umask and time zone, on one processor, as another user',
  async () => {
    const page = await readFile(join(PROJECT, 'docs/releases.md'), 'utf8');
    const [, lines = ''] = /^```sh of a rebuild\n([\s\S]*?)^```/m.exec(page) ?? [];
    const place = await temporaryFolder();
    const at = (name: string) => join(place, name);
    await execa('git', ['clone', '-q', '--no-hardlinks', workshop.directory, at('quantix')]);
    await symlink(join(PROJECT, 'node_modules'), at('quantix/node_modules'));
    await cp(folder, at('0.2.0'), { recursive: true });
    await copyFile(join(workshop.directory, '../release.pem'), at('release.pem'));
    await downloadsOnly(at('cache'));
    const { words, isNobody } = await asStranger();
    if (isNobody) await execa('chown', ['-R', `${NOBODY}:${NOBODY}`, place]);
    const npm = `umask 077\nnpm() { shift 4; '${process.execPath}' tasks/qx-build.ts "$@"; }`;
    const [program = '', ...before] = [...words, 'bash', '-euc', `${npm}\n${lines}`];
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
