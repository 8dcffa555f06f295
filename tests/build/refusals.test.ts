import { readdirSync } from 'node:fs';
import {
  appendFile,
  chmod,
  mkdir,
  readdir,
  readFile,
  realpath,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { delimiter, join, relative } from 'node:path';
import { execa } from 'execa';
import { copy } from 'fs-extra/esm';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { hashFile } from '../../build/process/hash-file.ts';
import { forgetImages, openWorkshop, type Workshop } from './workshop.ts';

const ISO = ['iso', '--profile', 'qvdc'];
let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop({ programs: 'shared' });
  return () => workshop[Symbol.asyncDispose]();
});

const profileFile = () => join(workshop.directory, 'profiles/qvdc.ts');
const lockFile = () => join(workshop.directory, 'profiles/qvdc.debian.x86_64.lock.json');
let profile: string;
let lock: string;

beforeEach(async () => {
  [profile, lock] = await Promise.all([
    readFile(profileFile(), 'utf8'),
    readFile(lockFile(), 'utf8'),
  ]);
  return async () => {
    await writeFile(profileFile(), profile);
    await writeFile(lockFile(), lock);
  };
});

/** Returns the error of a refused command; checks that it is one line, that the exit status is 1, and that no partial file is left. */
async function refusal(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { exitCode, stderr } = await workshop.run([...args, '--json'], { env });
  expect(exitCode, stderr).toBe(1);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(halfFiles()).toEqual([]);
  return stderr.trim();
}

/** Removes all results but the compiled programs. */
async function forgetBuilds(): Promise<void> {
  await forgetImages(workshop);
  await rm(join(workshop.directory, 'dist'), { recursive: true, force: true });
}

/** Lists the temporary files in the output folder. */
function halfFiles(): string[] {
  const folder = join(workshop.directory, 'dist');
  try {
    return readdirSync(folder).filter((name) => name.startsWith('.'));
  } catch {
    return [];
  }
}

test('a profile with a wrong key is refused with the path of the key', async () => {
  await writeFile(profileFile(), profile.replace("hostname: 'qvdc'", "hostnam: 'qvdc'"));
  const line = await refusal(ISO);
  expect(line).toContain('hostnam is not a key');
  expect(line).toContain('profiles/qvdc.ts');
});

test('an unknown profile is refused with a list of the profiles', async () => {
  expect(await refusal(['iso', '--profile', 'qvcd'])).toContain('Profiles here: quantix-os, qvdc.');
});

test('an unknown package is refused with its name and similar names', async () => {
  await writeFile(profileFile(), profile.replace("'redis-server'", "'redis-servr'"));
  const line = await refusal(ISO);
  expect(line).toContain('no package is called redis-servr');
  expect(line).toContain('redis-server');
});

test('with a frozen lock, a changed profile is refused with the differences', async () => {
  await writeFile(profileFile(), profile.replace("'redis-server'", "'redis-tools'"));
  const line = await refusal([...ISO, '--frozen-lock']);
  expect(line).toContain('packages: + redis-tools; packages: - redis-server');
  expect(line).toContain('make lock');
});

test('a truncated lock is refused', async () => {
  await truncate(lockFile(), 500);
  expect(await refusal(ISO)).toMatch(/lock is not JSON.*make lock/);
});

test('a mirror that cannot be reached is named', async () => {
  await rm(lockFile());
  const line = await refusal([...ISO, '--mirror', 'http://127.0.0.1:9/debian']);
  expect(line).toContain('127.0.0.1:9');
  expect(line).toContain('MIRROR=');
});

test('a locked package that the mirror no longer has stops a frozen build', async () => {
  await writeFile(
    lockFile(),
    lock.replace(/"sha256":"[0-9a-f]{8}/, '"sha256":"00000000').replace('pool/', 'gone/'),
  );
  const line = await refusal([...ISO, '--frozen-lock']);
  expect(line).toContain('the mirror no longer has');
});

test('a locked package that the mirror no longer has is resolved anew, and changed versions are reported', async () => {
  const changed = lock.replace(
    /(\{"name":"base-files","version":")([^"]+)(".*?"path":")pool(.*?"sha256":")[0-9a-f]{8}/,
    '$11.0$3gone$400000000',
  );
  expect(changed).not.toBe(lock);
  await writeFile(lockFile(), changed);
  const { exitCode, stdout, stderr } = await workshop.run(ISO);
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toMatch(
    /the mirror moved: base-files 1\.0 → \S+\. `make lock BASE=debian` keeps this/,
  );
});

test('a download that does not match the lock is refused', async () => {
  await writeFile(
    lockFile(),
    lock.replace(/("name":"base-files".*?"sha256":")[0-9a-f]{8}/, '$100000000'),
  );
  expect(await refusal(ISO)).toMatch(/base-files.*SHA-256/);
});

/** Makes a folder of links to the files of another folder, some of which another build may remove meanwhile. */
async function linkTo(shared: string, folder: string): Promise<void> {
  await mkdir(folder);
  for (const entry of await readdir(shared, { recursive: true, withFileTypes: true })) {
    const from = join(entry.parentPath, entry.name);
    const to = join(folder, relative(shared, from));
    if (entry.isDirectory()) await mkdir(to, { recursive: true });
    else await symlink(from, to);
  }
}

test('a damaged download in the cache is downloaded again', async () => {
  await forgetBuilds();
  const { blobs: folder, opened } = workshop.cache;
  const [sharedBlobs, sharedOpened] = await Promise.all([realpath(folder), realpath(opened)]);
  await rm(folder);
  await copy(sharedBlobs, folder);
  await rm(opened);
  await linkTo(sharedOpened, opened);
  const { sha256 = '' } =
    /"name":"base-files".*?"sha256":"(?<sha256>[0-9a-f]{64})"/.exec(lock)?.groups ?? {};
  const blob = (await readdir(folder, { recursive: true })).find((path) => path.endsWith(sha256));
  const damaged = join(folder, blob ?? '');
  await chmod(damaged, 0o644);
  await appendFile(damaged, 'damage');
  const known = (await readdir(opened, { recursive: true })).filter((path) =>
    path.includes(sha256),
  );
  expect(known).not.toEqual([]);
  for (const path of known) await rm(join(opened, path));
  const { exitCode, stderr } = await workshop.run(ISO);
  expect(exitCode, stderr).toBe(0);
  expect((await hashFile(damaged)).whole).toBe(sha256);
});

test.skipIf(process.getuid?.() !== 0)(
  'a full disk is reported and leaves no partial output (needs root, for a small file system)',
  async () => {
    const output = join(workshop.directory, 'small');
    await mkdir(output);
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=30m', 'tmpfs', output]);
    try {
      expect(await refusal([...ISO, '--output', 'small'])).toContain('the disk is full');
      expect(await readdir(output)).toEqual([]);
    } finally {
      await execa('umount', [output]);
    }
  },
);

test('a missing host tool is named together with its package', async () => {
  const bin = join(workshop.directory, 'few-tools');
  await mkdir(bin);
  const node = join(workshop.directory, 'node_modules/.bin');
  await forgetBuilds();
  const line = await refusal(['iso', '--profile', 'qvdc'], {
    PATH: [bin, node].join(delimiter),
  });
  expect(line).toMatch(/lacks .*mksquashfs.*apt-get install .*squashfs-tools/);
});

test('a wrong command line exits with 2 and refers to the help', async () => {
  const { exitCode, stderr } = await workshop.run(['iso', '--profil', 'qvdc']);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/profil.*qx-build --help/s);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)(
  '%s ends the build with exit code %i and leaves no partial output',
  async (signal, code) => {
    await forgetBuilds();
    const building = workshop.start(['iso', '--json']);
    await new Promise<void>((compressing) => {
      building.stdout.on('data', (chunk: Buffer) => {
        if (/"event":"start".*"step":"squashfs"/.test(chunk.toString())) compressing();
      });
    });
    building.kill(signal);
    const { exitCode, stderr } = await building;
    expect(exitCode).toBe(code);
    expect(stderr).toBe('Interrupted. Nothing half-made is left behind.');
    expect(halfFiles()).toEqual([]);
    const left = await readdir(workshop.cache.steps, { recursive: true });
    expect(left.filter((path) => path.includes('.making-'))).toEqual([]);
  },
);

test('two builds at the same time do not disturb each other', async () => {
  await forgetBuilds();
  const both = await Promise.all([
    workshop.run(['iso', '--json', '--profile', 'qvdc']),
    workshop.run(['iso', '--json', '--profile', 'qvdc']),
  ]);
  expect(both.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual([
    [0, ''],
    [0, ''],
  ]);
  const digests = both.map(({ built }) => built.get('qvdc')?.sha256);
  expect(digests[0]).toBe(digests[1]);
});
