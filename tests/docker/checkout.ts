import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { cacheDirectory } from '../../build/cache/directory.ts';

const PROJECT = resolve(import.meta.dirname, '../..');

/** The files of the project, and `node_modules` after `npm ci`. */
const PARTS = [
  'Dockerfile',
  'Makefile',
  'apps',
  'build',
  'node_modules',
  'overlay',
  'package-lock.json',
  'package.json',
  'profiles',
  'tasks',
];

/** The user who owns files and runs programs. */
export interface User {
  uid: number;
  gid: number;
}

/** A copy of the project and of the downloads that belongs to a user. */
export interface Checkout extends AsyncDisposable {
  directory: string;
  cache: string;
  /** Starts a program in it as its user; the result says how it ended, also if it failed. */
  run(command: readonly [string, ...string[]], env?: Record<string, string>): Running;
}

export type Running = ReturnType<typeof start>;

/** Copies the project into a fresh folder of this user. */
export async function openCheckout(user: User): Promise<Checkout> {
  const root = await mkdtemp(join(tmpdir(), 'quantix-checkout-'));
  const [directory, cache] = [join(root, 'project'), join(root, 'cache')];
  await mkdir(directory);
  await mkdir(cache);
  const copy = ['--archive', '--reflink=auto'];
  await execa('cp', [...copy, ...PARTS.map((part) => join(PROJECT, part)), directory]);
  await execa('cp', [...copy, cacheDirectory().blobs, cache]);
  await execa('chown', ['--recursive', `${user.uid}:${user.gid}`, root]);
  await execa('touch', [join(directory, 'node_modules/.ready')]);
  return {
    directory,
    cache,
    run: (command, env = {}) =>
      start(command, {
        ...user,
        cwd: directory,
        env: { QUANTIX_CACHE: cache, HOME: root, ...env },
      }),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

function start(
  [program, ...args]: readonly [string, ...string[]],
  options: User & { cwd: string; env: Record<string, string> },
) {
  return execa(program, args, { ...options, reject: false });
}
