import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { copy } from 'fs-extra/esm';
import { z } from 'zod';
import { cacheDirectory, cacheRooms } from '../../build/cache/directory.ts';
import { markCache } from '../../build/cache/mark.ts';

const PROJECT = resolve(import.meta.dirname, '../..');

/** The files and folders of the project that are copied, with uncommitted changes. */
const PARTS = [
  'apps',
  'build',
  'overlay',
  'profiles',
  'tasks',
  'package.json',
  'package-lock.json',
  'qx-build',
];

/** A copy of the project with a cache of its own: downloads and opened packages are shared, results are not. */
export interface Workshop extends AsyncDisposable {
  directory: string;
  /** Runs `qx-build`; the result has `exitCode`, `stdout` and `stderr`, also if it fails. */
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Starts `qx-build` and returns the child process. */
  start(args: readonly string[]): ReturnType<typeof startChild>;
  /** The private cache. */
  cache: ReturnType<typeof cacheRooms>;
}

/** Options for running `qx-build`. */
export interface RunOptions {
  env?: Record<string, string>;
}

export interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
  built: Map<string, { file: string; sha256: string; upToDate: boolean }>;
}

const builtSchema = z.object({
  event: z.literal('built'),
  image: z.string(),
  file: z.string(),
  sha256: z.string(),
  upToDate: z.boolean(),
});

/** Copies the project into a new folder; `node_modules` is shared. */
export async function copyProject(directory: string): Promise<void> {
  for (const part of PARTS) await copy(join(PROJECT, part), join(directory, part));
  await symlink(join(PROJECT, 'node_modules'), join(directory, 'node_modules'));
}

/** Options of `openWorkshop`. */
export interface WorkshopOptions {
  /** Name of a folder for project and cache within the temporary one. */
  within?: string;
  /** Whether to share the compiled programs too. */
  programs?: 'shared';
}

/** Copies the project into a fresh folder. */
export async function openWorkshop({
  within = '',
  programs,
}: WorkshopOptions = {}): Promise<Workshop> {
  const root = await mkdtemp(join(tmpdir(), 'quantix-workshop-'));
  const directory = join(root, within, 'project');
  await copyProject(directory);
  const cache = cacheRooms(join(root, within, 'cache'));
  const shared = cacheDirectory();
  markCache(cache);
  await mkdir(cache.steps, { recursive: true });
  for (const room of ['blobs', 'opened', 'apt'] as const) await share(shared[room], cache[room]);
  if (programs === 'shared') await share(join(shared.steps, 'sea'), join(cache.steps, 'sea'));
  // `make` and the script `qx-build` start the builder with this variable, too.
  const compiled = { NODE_COMPILE_CACHE: join(directory, 'node_modules/.cache/compiled') };
  const child = (args: readonly string[], { env = {} }: RunOptions = {}) =>
    startChild(directory, args, { ...compiled, QUANTIX_CACHE: cache.root, ...env });
  return {
    directory,
    cache,
    start: (args) => child(args),
    run: async (args, options) => outcome(await child(args, options)),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/** Removes the results of all steps except the one that compiles the programs. */
export async function forgetImages({ cache }: Workshop): Promise<void> {
  for (const step of await readdir(cache.steps)) {
    if (step !== 'sea') await rm(join(cache.steps, step), { recursive: true });
  }
}

async function share(folder: string, link: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await symlink(folder, link);
}

function startChild(cwd: string, args: readonly string[], env: Record<string, string>) {
  // On a busy machine, an orderly end takes a long time.
  const options = { cwd, env, reject: false, forceKillAfterDelay: false } as const;
  return execa(process.execPath, ['tasks/qx-build.ts', ...args], options);
}

function outcome(result: Awaited<ReturnType<typeof startChild>>): Outcome {
  const built: Outcome['built'] = new Map();
  for (const line of result.stdout.split('\n').filter((one) => one.startsWith('{'))) {
    const event = builtSchema.safeParse(JSON.parse(line));
    if (event.success) built.set(event.data.image, event.data);
  }
  const { stdout, stderr, exitCode = -1 } = result;
  return { exitCode, stdout, stderr, built };
}
