import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { RemoteCache } from '../../../build/remote-cache/remote-cache.ts';
import type { Patience } from '../../../build/remote-cache/server.ts';
import type { RemoteCacheSettings } from '../../../build/remote-cache/settings.ts';
import { StepCache } from '../../../build/step/cache.ts';
import { planStep, type Step } from '../../../build/step/step.ts';
import { type CacheServerOptions, TestCacheServer } from '../../remote-cache/cache-server.ts';
import { temporaryFolder } from '../folder.ts';
import { newPair } from '../release/releases.ts';

/** Milliseconds for a test: a machine that is busy with other tests needs many times the usual time. */
export const TIME = 180_000;

/** Time limits for correct servers, on a machine that is busy with other tests. */
export const UNHURRIED: Patience = {
  firstAnswer: TIME,
  answer: TIME,
  // Fractional, like the measured time of a step.
  least: TIME + 0.5,
  most: TIME + 0.5,
  bringing: TIME,
};

/** The key of the team. */
export const team = newPair('ci');

/** A server that ends with the test. */
export async function cacheServer(options?: CacheServerOptions): Promise<TestCacheServer> {
  const server = await TestCacheServer.open(options);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** Steps of a small build: name → files that it makes. A file that begins with `#!` is a program. */
export const BUILD: Readonly<Record<string, Readonly<Record<string, Buffer>>>> = {
  sea: { qx: Buffer.concat([Buffer.from('#!'), Buffer.alloc(2_000_000, 'program ')]) },
  squashfs: { 'system.squashfs': randomBytes(3_000_000) },
  verity: { 'system.verity': randomBytes(50_000), 'early.cfg': Buffer.alloc(0) },
};

/** Names of the steps. */
export const ALL: readonly string[] = Object.keys(BUILD);

export function stepOf(name: string): Step {
  return planStep(name, { version: 1 });
}

/** Result of a build. */
export interface Ran {
  /** Names of the steps that were made here. */
  made: string[];
  /** Name of each step → origin of its result. */
  origins: Record<string, string | undefined>;
  seconds: number;
  report: ReturnType<RemoteCache['report']>;
}

/** A CI runner: a cache folder of its own, and perhaps a remote cache. */
export class Runner {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Runner> {
    return new Runner(await folderInMemory());
  }

  /** Builds all steps; each result is compared with the expected files. */
  async build(settings: RemoteCacheSettings, patience: Patience = UNHURRIED): Promise<Ran> {
    const began = performance.now();
    await using remote = new RemoteCache(settings, patience);
    const cache = new StepCache(this.folder, remote);
    const made: string[] = [];
    const origins: Ran['origins'] = {};
    for (const [name, files] of Object.entries(BUILD)) {
      const make = async (directory: string) => {
        made.push(name);
        for (const [file, bytes] of Object.entries(files)) {
          await writeFile(join(directory, file), bytes);
          if (bytes.toString('latin1', 0, 2) === '#!') await chmod(join(directory, file), 0o755);
        }
      };
      const { directory, origin, checked } = await cache.run(stepOf(name), make, async () => {});
      await checked;
      origins[name] = origin;
      for (const [file, bytes] of Object.entries(files)) {
        const got = await readFile(join(directory, file));
        if (!got.equals(bytes)) throw new Error(`${file} of ${name} has other bytes`);
      }
    }
    await remote.settle();
    return { made, origins, seconds: (performance.now() - began) / 1000, report: remote.report() };
  }
}

/**
 * Makes a folder that is removed after the test. It is in memory, because each file of a cache is synced, which is slow
 * on a busy disk.
 */
async function folderInMemory(): Promise<string> {
  if (!existsSync('/dev/shm')) return temporaryFolder();
  const folder = await mkdtemp('/dev/shm/quantix-test-');
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A server that a runner has filled. */
export async function filledServer(options?: CacheServerOptions): Promise<TestCacheServer> {
  const server = await cacheServer();
  await (await Runner.open()).build(writer(server));
  server.answers.length = 0;
  server.options = { ...options };
  return server;
}

/** Settings of a builder that fills the cache. */
export function writer({ url }: { url: string }): RemoteCacheSettings {
  return { address: url, trusted: [team.trusted], signer: team.secret };
}

/** Settings of a builder that only reads the cache. */
export function reader({ url }: { url: string }): RemoteCacheSettings {
  return { address: url, trusted: [team.trusted] };
}
