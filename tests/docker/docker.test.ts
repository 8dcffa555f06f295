import { hash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../build/error.ts';
import { INITRAMFS_PATH } from '../../build/image/grub-model.ts';
import { hashFile } from '../../build/process/hash-file.ts';
import { run } from '../../build/process/run.ts';
import { packRepository } from '../alpine-mirror/index.ts';
import { withFolders } from '../alpine-mirror/layout.ts';
import { muslNodePackage } from '../alpine-mirror/musl-node.ts';
import { haveRealPackages } from '../alpine-mirror/real-packages.ts';
import type { PackageRecipe } from '../alpine-mirror/recipe.ts';
import { readManifest } from '../build/manifest.ts';
import { KEY, PACKAGES, profileInput } from '../unit/alpine/base/mirrored.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { program } from '../unit/tree/trees.ts';
import { PROJECT } from '../vm/build-images.ts';
import { imageOf } from '../vm/story.ts';
import { type AlpineBase, provideAlpine } from './alpine.ts';
import { type Checkout, openCheckout, type User } from './checkout.ts';
import { NoDocker, openDocker } from './daemon.ts';

const found = await openDocker();
const why = found instanceof NoDocker ? ` (skipped: ${found.reason})` : '';
if (why !== '') process.stderr.write(`tests/docker: Docker is not tested${why}\n`);

/** Magic number of a zstd frame (RFC 8878, 3.1.1). */
const ZSTD = Buffer.from('28b52ffd', 'hex');

/** Returns the SHA-256 of the compressed part of an image's initramfs, which follows the root hash of the squashfs. */
async function hashInitramfs(iso: string): Promise<string> {
  const target = join(await temporaryFolder(), 'initramfs');
  await run('xorriso', ['-osirrox', 'on', '-indev', iso, '-extract', INITRAMFS_PATH, target]);
  const bytes = await readFile(target);
  const from = bytes.indexOf(ZSTD);
  return hash('sha256', must(from > 0 ? bytes.subarray(from) : undefined, 'compressed part'));
}

/** A Node for musl, if one is available. */
const node =
  why === '' && haveRealPackages
    ? await muslNodePackage(join(PROJECT, 'dist/tests/downloads'))
    : undefined;
const noAlpine = haveRealPackages
  ? node === undefined
    ? ' (skipped: the Python registry’s Node for musl is not available)'
    : ''
  : ' (skipped: there are no real packages of Alpine)';
if (why === '' && noAlpine !== '') process.stderr.write(`tests/docker: Alpine${noAlpine}\n`);

/** Label of an image with the name of its base image. */
const BASE_NAME = 'org.opencontainers.image.base.name';

/** The network of the container: the host's, because a daemon of the tests has no other. */
const NETWORK = '--network=host';

describe.skipIf(why !== '')(`in Docker${why}`, () => {
  if (found instanceof NoDocker) {
    test.skip('an ISO built in Docker is the one built outside');
    return;
  }
  const { host, baseImage, docker } = found;
  const user: User = {
    uid: process.getuid?.() || 1234,
    gid: process.getuid?.() === 0 ? found.gid : (process.getgid?.() ?? 0),
  };
  const base = ['docker', `--base-image=${baseImage}`];
  const flags = [`--build-flag=${NETWORK}`, `--run-flag=${NETWORK}`];
  const outside = imageOf('qvdc').iso;
  let checkout: Checkout;

  beforeAll(async () => {
    checkout = await openCheckout(user);
  });

  afterAll(async () => {
    await checkout?.[Symbol.asyncDispose]();
    await found[Symbol.asyncDispose]();
  });

  const qx = (args: readonly string[]) =>
    checkout.run(
      [join(checkout.directory, 'node_modules/.bin/node'), 'tasks/qx-build.ts', ...args],
      { DOCKER_HOST: host },
    );

  const containers = () => docker('ps', '--all', '--quiet', '--filter', 'name=quantix-build');

  test('make iso DOCKER=1 as an unprivileged user on Debian 13 gives the root file system of a build outside, and the same bytes where tool versions are equal', async () => {
    const options = ['DOCKER=1', 'PROFILE=qvdc', `DOCKER_BASE=${baseImage}`];
    const network = [`DOCKER_BUILD_FLAGS=${NETWORK}`, `DOCKER_RUN_FLAGS=${NETWORK}`];
    const { exitCode, stderr, stdout } = await checkout.run(
      ['make', 'iso', ...options, ...network],
      { DOCKER_HOST: host },
    );
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain('quantix-builder:');
    const file = join(checkout.directory, relative(PROJECT, outside));
    expect(statSync(file)).toMatchObject(user);
    expect(statSync(join(checkout.cache, 'steps'))).toMatchObject(user);
    expect(await containers()).toBe('');
    const [here, there] = [readManifest(outside), readManifest(file)];
    expect(there.inputs.packages).toEqual(here.inputs.packages);
    expect(there.files['/boot/vmlinuz']).toBe(here.files['/boot/vmlinuz']);
    expect(await hashInitramfs(file)).toBe(await hashInitramfs(outside));
    const sameTools = isDeepStrictEqual(there.inputs.tools, here.inputs.tools);
    expect(there.iso.sha256 === here.iso.sha256).toBe(sameTools);
    // Both builds have read their squashfs back and compared it with this tree.
    const rootfs = async (...docker: string[]) => {
      const output = join(checkout.directory, docker.length > 0 ? 'inside' : 'outside');
      const made = await qx([...docker, 'rootfs', '--profile', 'qvdc', '--output', output]);
      expect(made.exitCode, made.stderr).toBe(0);
      const [tar = ''] = readdirSync(output).filter((name) => name.endsWith('.tar'));
      return (await hashFile(join(output, tar))).whole;
    };
    expect(await rootfs(...base, ...flags, '--')).toBe(await rootfs());
  });

  test('the builder image is reused, the image built inside is up to date, and tools of another Debian release make another build', async () => {
    const inside = await qx([...base, ...flags, '--', 'iso', '--json', '--profile', 'qvdc']);
    expect(inside.stdout).toContain('"upToDate":true');
    expect(inside.stdout).not.toContain('builder-image');
    const file = join(checkout.directory, relative(PROJECT, outside));
    const [here, there] = [readManifest(outside), readManifest(file)];
    const { stdout } = await qx(['explain', '--profile', 'qvdc']);
    // The programs were just compiled outside.
    const { strip: _, ...tools } = there.inputs.tools;
    for (const [tool, version] of Object.entries(tools)) {
      if (here.inputs.tools[tool] !== version) expect(stdout).toContain(tool);
    }
  });

  test('apt of Debian 13 resolves the same lock as apt outside', async () => {
    const lock = join(checkout.directory, 'profiles/qvdc.debian.x86_64.lock.json');
    const resolve = async (...docker: string[]) => {
      const { exitCode, stderr } = await qx([...docker, 'lock', '--profile', 'qvdc']);
      expect(exitCode, stderr).toBe(0);
      return readFileSync(lock, 'utf8');
    };
    const committed = readFileSync(lock);
    const inside = await resolve(...base, ...flags, '--');
    writeFileSync(lock, committed);
    expect(await resolve()).toBe(inside);
    writeFileSync(lock, committed);
  });

  test('if the builder image cannot be renewed, the old one is used', async () => {
    const args = ['iso', '--json', '--profile', 'qvdc'];
    const flags = [`--build-flag=${NETWORK}`, '--build-flag=--pull', `--run-flag=${NETWORK}`];
    const { exitCode, stderr, stdout } = await qx([...base, ...flags, '--', ...args]);
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain('"step":"builder-image"');
    expect(stdout).toContain('"upToDate":true');
  });

  test('the ISO is written to an output folder outside the project', async () => {
    const folder = join(dirname(checkout.directory), 'isos');
    const args = ['iso', '--profile', 'qvdc', '--output', folder];
    const { exitCode, stderr } = await qx([...base, ...flags, '--', ...args]);
    expect(exitCode, stderr).toBe(0);
    expect(statSync(join(folder, 'SHA256SUMS'))).toMatchObject(user);
  });

  test('an error inside the container is reported once, with its exit code', async () => {
    const refused = await qx([...base, ...flags, '--', 'iso', '--profile', 'qvcd']);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr.split('\n')).toHaveLength(1);
    expect(refused.stderr).toContain('Profiles here: quantix-os, qvdc.');
    expect((await qx([...base, ...flags, '--', 'iso', '--profil'])).exitCode).toBe(2);
  });

  test('Ctrl-C ends the container and leaves no partial output', async () => {
    const args = ['iso', '--json', '--profile', 'quantix-os'];
    const building = qx([...base, ...flags, '--', ...args]);
    await new Promise<void>((begun) => {
      building.stdout.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('"step":"packages"')) begun();
      });
      building.stdout.on('end', begun);
    });
    building.kill('SIGINT');
    const { exitCode, stderr } = await building;
    expect(stderr).toBe('Interrupted. Nothing half-made is left behind.');
    expect(exitCode).toBe(130);
    expect(await containers()).toBe('');
  });

  test('a builder image that cannot be built is reported in one line, with a fix', async () => {
    const absent = [
      'docker',
      '--base-image=quantix-test-absent:none',
      ...flags,
      '--',
      'iso',
      '--json',
    ];
    const { exitCode, stderr, stdout } = await qx(absent);
    expect(exitCode).toBe(1);
    expect(stderr.split('\n'), stdout).toHaveLength(1);
    expect(stderr).toMatch(
      /the builder image cannot be built from quantix-test-absent:none: .*DOCKER_BASE=/,
    );
  });

  test('flags that Docker does not accept are reported', async () => {
    const { exitCode, stderr } = await qx([...base, '--run-flag=--no-such-flag', '--', 'doctor']);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/no-such-flag.*docker run exited with 125/s);
  });

  describe.skipIf(noAlpine !== '')(`on Alpine 3.19${noAlpine}`, () => {
    const image = 'quantix-test-base:alpine';
    let alpine: AlpineBase;
    let tiny: string[];

    /** Packages of Alpine in the Dockerfile. */
    const asked = () => {
      const dockerfile = readFileSync(join(PROJECT, 'Dockerfile'), 'utf8');
      return (/apk add[^\\]*((?:\\\n +[a-z0-9_-]+ )+)/.exec(dockerfile)?.[1] ?? '')
        .split(/[\s\\]+/)
        .filter((name) => name !== '');
    };

    beforeAll(async () => {
      if (node === undefined) return;
      alpine = await provideAlpine({ docker, image, wanted: asked(), made: [node] });
      process.stderr.write(
        `tests/docker: no image is built on Alpine, since these are there in name only: ${alpine.standIns.join(', ')}\n`,
      );
      const mirror = join(dirname(checkout.directory), 'tiny');
      await packRepository({ folder: join(mirror, 'v3.24/main'), packages: PACKAGES, key: KEY });
      const profile = { ...profileInput(), name: 'tiny' };
      writeFileSync(
        join(checkout.directory, 'profiles/tiny.ts'),
        `export default ${JSON.stringify(profile)};\n`,
      );
      tiny = ['lock', '--profile', 'tiny', '--base', 'alpine', '--mirror', `file://${mirror}`];
    });

    afterAll(async () => {
      await alpine?.[Symbol.asyncDispose]();
      const built = await docker(
        'image',
        'ls',
        '--quiet',
        '--filter',
        `label=${BASE_NAME}=${image}`,
      );
      await docker('image', 'rm', '--force', ...built.split('\n').filter((id) => id !== ''), image);
    });

    const onAlpine = (args: readonly string[]) =>
      qx(['docker', `--base-image=${image}`, ...flags, '--', ...args]);

    test('Alpine’s own Node writes the same lock as Node from npm outside', async () => {
      const lock = join(checkout.directory, 'profiles/tiny.alpine.x86_64.lock.json');
      const written = async (run: (args: readonly string[]) => ReturnType<typeof qx>) => {
        const { exitCode, stderr } = await run(tiny);
        expect(exitCode, stderr).toBe(0);
        return readFileSync(lock, 'utf8');
      };
      const inside = await written(onAlpine);
      expect(statSync(lock)).toMatchObject(user);
      await rm(lock);
      expect(await written(qx)).toBe(inside);
    });

    test('images from Debian are refused in one line, because Alpine has no apt', async () => {
      const { exitCode, stderr } = await onAlpine([
        'lock',
        '--profile',
        'qvdc',
        '--base',
        'debian',
      ]);
      expect(exitCode).toBe(1);
      expect(stderr.split('\n')).toHaveLength(1);
      expect(stderr).toMatch(/images from Debian need apt.*BASE=alpine/);
    });

    test('an Alpine branch whose Node is too old for the toolchain is reported in one line', async () => {
      const script = '#!/bin/sh\n[ "$1" != --eval ] || exit 1\necho v20.12.1\n';
      const old: PackageRecipe = {
        ...{ name: 'nodejs', version: '20.12.1-r0' },
        entries: withFolders([program('usr/bin/node', script)]),
      };
      const wish = { docker, image: 'quantix-test-base:old', wanted: asked(), made: [old] };
      await using base = await provideAlpine(wish);
      const args = ['docker', `--base-image=${base.image}`, ...flags, '--', 'lock', '--json'];
      const { exitCode, stderr } = await qx(args);
      await docker('image', 'rm', '--force', base.image);
      expect(exitCode).toBe(1);
      expect(stderr.split('\n')).toHaveLength(1);
      expect(stderr).toContain(
        'Alpine 3.19.1 has Node v20.12.1, and the toolchain needs 24: take Alpine 3.23 or later',
      );
    });
  });
});
