import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { beforeEach, expect, test } from 'vitest';

const PROJECT = resolve(import.meta.dirname, '../..');
let bin: string;

beforeEach(async () => {
  bin = await mkdtemp(join(tmpdir(), 'quantix-bin-'));
  await symlink(process.execPath, join(bin, 'node'));
  return () => rm(bin, { recursive: true, force: true });
});

/** Runs a build in Docker with only the programs of `bin` on PATH. @returns its result */
const build = () =>
  execa(process.execPath, ['tasks/qx-build.ts', 'docker', '--', 'iso'], {
    cwd: PROJECT,
    env: { PATH: bin },
    reject: false,
  });

/** Puts a `docker` on PATH that runs this script. */
async function installDocker(script: string): Promise<void> {
  await writeFile(join(bin, 'docker'), `#!/bin/sh\n${script}\n`);
  await chmod(join(bin, 'docker'), 0o755);
}

test('without docker, one line says how to install it', async () => {
  const { exitCode, stderr } = await build();
  expect(exitCode).toBe(1);
  expect(stderr).toBe(
    'qx-build: this host has no docker. As root: apt-get install docker.io; or build without DOCKER=1.',
  );
});

test('without a daemon, one line has docker’s message and a fix', async () => {
  await installDocker(
    'echo "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?" >&2; exit 1',
  );
  const { exitCode, stderr } = await build();
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(
    /^qx-build: no Docker daemon answers: Cannot connect to the Docker daemon at unix:\/\/\/x\. .*without DOCKER=1\.$/,
  );
});

test('without a command, the error asks which command to run', async () => {
  const { exitCode, stderr } = await execa(process.execPath, ['tasks/qx-build.ts', 'docker'], {
    cwd: PROJECT,
    reject: false,
  });
  expect(exitCode).toBe(2);
  expect(stderr).toContain('Which command is to run in Docker?');
});
