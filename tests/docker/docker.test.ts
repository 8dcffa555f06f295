import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashFile } from '../../build/process/hash-file.ts';
import { readManifest } from '../build/manifest.ts';
import { PROJECT } from '../vm/build-images.ts';
import { imageOf } from '../vm/story.ts';
import { type Checkout, openCheckout, type User } from './checkout.ts';
import { NoDocker, openDocker } from './daemon.ts';

const found = await openDocker();
const why = found instanceof NoDocker ? ` (skipped: ${found.reason})` : '';
if (why !== '') process.stderr.write(`tests/docker: Docker is not tested${why}\n`);

/** Which of Docker's networks: the host's, since a daemon of the tests has no other. */
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

  test('make iso DOCKER=1 of an unprivileged user, on Debian 13, gives the appliance of a build outside: byte for byte what tools of one version make, and the same root file system', async () => {
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
    for (const path of ['/boot/vmlinuz', '/boot/initramfs']) {
      expect(there.files[path], path).toBe(here.files[path]);
    }
    const sameTools = isDeepStrictEqual(there.inputs.tools, here.inputs.tools);
    expect(there.iso.sha256 === here.iso.sha256).toBe(sameTools);
    // Either build has read its squashfs back and compared it with this tree.
    const rootfs = async (...docker: string[]) => {
      const output = join(checkout.directory, docker.length > 0 ? 'inside' : 'outside');
      const made = await qx([...docker, 'rootfs', '--profile', 'qvdc', '--output', output]);
      expect(made.exitCode, made.stderr).toBe(0);
      const [tar = ''] = readdirSync(output).filter((name) => name.endsWith('.tar'));
      return (await hashFile(join(output, tar))).whole;
    };
    expect(await rootfs(...base, ...flags, '--')).toBe(await rootfs());
  });

  test('the builder image is there the next time, what was built inside is up to date, and the tools of another release are another build', async () => {
    const inside = await qx([...base, ...flags, '--', 'iso', '--json', '--profile', 'qvdc']);
    expect(inside.stdout).toContain('"upToDate":true');
    expect(inside.stdout).not.toContain('builder-image');
    const file = join(checkout.directory, relative(PROJECT, outside));
    const [here, there] = [readManifest(outside), readManifest(file)];
    const { stdout } = await qx(['explain', '--profile', 'qvdc']);
    // The programs were just made outside.
    const { strip: _, ...tools } = there.inputs.tools;
    for (const [tool, version] of Object.entries(tools)) {
      if (here.inputs.tools[tool] !== version) expect(stdout).toContain(tool);
    }
  });

  test('the lock that apt of Debian 13 resolves is the one that apt outside resolves', async () => {
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

  test('a builder image that is to be new, and cannot be had, does not keep the old one from working', async () => {
    const args = ['iso', '--json', '--profile', 'qvdc'];
    const flags = [`--build-flag=${NETWORK}`, '--build-flag=--pull', `--run-flag=${NETWORK}`];
    const { exitCode, stderr, stdout } = await qx([...base, ...flags, '--', ...args]);
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain('"step":"builder-image"');
    expect(stdout).toContain('"upToDate":true');
  });

  test('an output folder outside of the project is written to', async () => {
    const folder = join(dirname(checkout.directory), 'isos');
    const args = ['iso', '--profile', 'qvdc', '--output', folder];
    const { exitCode, stderr } = await qx([...base, ...flags, '--', ...args]);
    expect(exitCode, stderr).toBe(0);
    expect(statSync(join(folder, 'SHA256SUMS'))).toMatchObject(user);
  });

  test('a refusal inside is told once, with its exit code', async () => {
    const refused = await qx([...base, ...flags, '--', 'iso', '--profile', 'qvcd']);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr.split('\n')).toHaveLength(1);
    expect(refused.stderr).toContain('Profiles here: quantix-os, qvdc.');
    expect((await qx([...base, ...flags, '--', 'iso', '--profil'])).exitCode).toBe(2);
  });

  test('Ctrl-C ends the container and leaves nothing half-made', async () => {
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

  test('a builder image that cannot be built is told in one line, with what to try', async () => {
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

  test('flags that Docker does not take are told', async () => {
    const { exitCode, stderr } = await qx([...base, '--run-flag=--no-such-flag', '--', 'doctor']);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/no-such-flag.*docker run exited with 125/s);
  });
});
