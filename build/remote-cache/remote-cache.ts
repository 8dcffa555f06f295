import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { BlobStore } from '../cache/blob-store.ts';
import { BlobWriter } from '../cache/blob-writer.ts';
import { type Download, download } from '../cache/download.ts';
import { PackageGone } from '../cache/download-error.ts';
import { receive } from '../cache/receive.ts';
import { TransferFailure } from '../cache/transfer-failure.ts';
import { ExplainedError } from '../explained-error.ts';
import { combineSignals } from '../process/child-group.ts';
import type { FetchedResult, MadeResult, ResultSource } from '../step/cache.ts';
import type { Step } from '../step/step.ts';
import { type OpenedEntry, openEntry, type StepOutput, sealEntry } from './entry.ts';
import { CacheServer, limitTime, PATIENCE, type Patience } from './server.ts';
import type { RemoteCacheSettings } from './settings.ts';

/** Speed in bytes per millisecond below which packages are downloaded from mirrors instead. */
const SLOWEST = 4000;

/** Maximum number of files that are downloaded or uploaded at the same time. */
const FILES_AT_ONCE = 8;

/** Statistics of a remote cache during a run. */
export interface RemoteCacheReport {
  /** Its address without name and password. */
  address: string;
  /** Results of steps, and packages: number requested, found, and uploaded. */
  steps: Traffic;
  packages: Traffic;
  /** Bytes received and sent over the network. */
  received: number;
  sent: number;
  /** Answers that were not trusted, one clause each: unsigned, wrongly signed, or with other bytes than signed. */
  refused: readonly string[];
  /** Why it is no longer used, if it was given up. */
  givenUp?: string | undefined;
  /** Why uploads stopped early; absent if they did not. */
  closed?: string | undefined;
}

/** Number of items that were requested, found, and uploaded. */
export interface Traffic {
  asked: number;
  had: number;
  brought: number;
}

/**
 * A remote cache with results of steps and packages. Each item is requested only once. The time that a slow, broken or
 * malicious cache costs is limited (see `Patience`). An answer is trusted if it is signed with a trusted key and every
 * file has the signed SHA-256.
 */
export class RemoteCache implements ResultSource, AsyncDisposable {
  readonly #server: CacheServer;
  readonly #settings: RemoteCacheSettings;
  readonly #patience: Patience;
  /** Aborted when the cache is given up. */
  readonly #asking = new AbortController();
  readonly #bringing = new AbortController();
  readonly #steps: Traffic = { asked: 0, had: 0, brought: 0 };
  readonly #packages: Traffic = { asked: 0, had: 0, brought: 0 };
  readonly #refused: string[] = [];
  /** Running uploads. */
  readonly #underWay = new Set<Promise<void>>();
  readonly #limit = pLimit(FILES_AT_ONCE);
  /** Keys of steps for which the cache has no usable entry. */
  readonly #missing = new Set<string>();
  #sent = 0;
  /** Milliseconds spent on requests without result. */
  #inVain = 0;
  #givenUp: string | undefined;
  #closed: string | undefined;

  constructor(settings: RemoteCacheSettings, patience = PATIENCE) {
    this.#settings = settings;
    this.#patience = patience;
    this.#server = new CacheServer(settings, patience);
  }

  /** Returns the name of the key that signed the result of a step; `undefined` if the cache has no trusted result. */
  async find(step: Step, signal?: AbortSignal): Promise<string | undefined> {
    this.#steps.asked += 1;
    const entry = await this.#entry(step, signal);
    if (entry !== undefined) this.#steps.had += 1;
    return entry?.signedBy.name;
  }

  async fetch(
    step: Step,
    directory: string,
    signal?: AbortSignal,
  ): Promise<FetchedResult | undefined> {
    this.#steps.asked += 1;
    const entry = await this.#entry(step, signal);
    if (entry === undefined) return undefined;
    const { seconds, outputs, signedBy } = entry;
    const { least, most } = this.#patience;
    const patience = Math.min(Math.max(seconds * 1000, least), most);
    const had = await this.#try(step.name, signal, (asked) =>
      limitTime(patience, asked, async (limited) => {
        for (const output of outputs) await this.#receive(step, output, directory, limited);
        return true;
      }),
    );
    if (had === undefined) {
      this.#missing.add(step.key);
      return undefined;
    }
    this.#steps.had += 1;
    return { seconds, origin: signedBy.name };
  }

  offer(step: Step, result: MadeResult): void {
    const { signer } = this.#settings;
    if (signer === undefined) return;
    this.#bring(async (signal) => {
      if (!this.#missing.has(step.key) && (await this.#entry(step, signal)) !== undefined) return;
      const outputs = await Promise.all(
        Object.entries(result.hashes).map(async ([name, sha256]): Promise<StepOutput> => {
          const { size, mode } = await stat(join(result.directory, name));
          return { name, size, sha256, executable: (mode & 0o111) !== 0 };
        }),
      );
      for (const output of outputs) {
        await this.#writeBlob(join(result.directory, output.name), output, signal);
      }
      const entry = sealEntry(step, { seconds: result.seconds, outputs }, signer);
      await this.#server.writeEntry(step.key, entry, signal);
      this.#steps.brought += 1;
    });
  }

  /**
   * Downloads packages that the store lacks and the cache has; the mirrors provide the others.
   * @returns the number of downloaded packages
   */
  async fetchPackages(
    items: Iterable<Download>,
    store: BlobStore,
    signal?: AbortSignal,
  ): Promise<number> {
    const before = this.#packages.had;
    const missing: Download[] = [];
    for (const item of items) if (!(await store.has(item))) missing.push(item);
    const bytes = missing.reduce((sum, { size }) => sum + size, 0);
    if (missing.length === 0) return 0;
    const limit = pLimit(FILES_AT_ONCE);
    await this.#try('packages', signal, (asked) =>
      limitTime(this.#patience.least + bytes / SLOWEST, asked, (limited) =>
        Promise.all(missing.map((item) => limit(() => this.#fetchPackage(item, store, limited)))),
      ),
    );
    return this.#packages.had - before;
  }

  async #fetchPackage(item: Download, store: BlobStore, signal: AbortSignal): Promise<void> {
    if (this.#givenUp !== undefined) return;
    this.#packages.asked += 1;
    const urls = [this.#server.blobAddress(item.sha256)];
    const { transport } = this.#server;
    const path = await this.#try(item.name, signal, (asked) =>
      download({ ...item, urls }, { store, transport, signal: asked, rounds: 1 }),
    );
    if (path !== undefined) this.#packages.had += 1;
  }

  /** Uploads packages that the cache lacks from the store, in the background. */
  offerPackages(items: Iterable<Download>, store: BlobStore): void {
    if (this.#settings.signer === undefined) return;
    for (const item of items) {
      this.#bring(async (signal) => {
        const sent = await this.#writeBlob(store.path(item.sha256), item, signal);
        if (sent) this.#packages.brought += 1;
      });
    }
  }

  /** Waits for running uploads, and cancels those that exceed the time limit. */
  async settle(): Promise<void> {
    const { bringing } = this.#patience;
    const brought = Promise.all(this.#underWay);
    const waiting = new AbortController();
    const late = sleep(bringing, 'late', { signal: waiting.signal }).catch(() => undefined);
    if ((await Promise.race([brought, late])) === 'late') {
      this.#close(`it took more than ${bringing / 1000} s after the build`);
    }
    waiting.abort();
    await brought;
  }

  /** Returns the statistics so far. */
  report(): RemoteCacheReport {
    return {
      address: this.#server.shown,
      steps: { ...this.#steps },
      packages: { ...this.#packages },
      received: this.#server.transport.received,
      sent: this.#sent,
      refused: [...this.#refused],
      givenUp: this.#givenUp,
      closed: this.#closed,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close('the build has ended');
    await Promise.all(this.#underWay);
    this.#server[Symbol.dispose]();
  }

  async #entry(step: Step, signal: AbortSignal | undefined): Promise<OpenedEntry | undefined> {
    const began = performance.now();
    const entry = await this.#try(step.name, signal, async (asked) => {
      const bytes = await this.#server.readEntry(step.key, asked);
      const { trusted } = this.#settings;
      return openEntry(bytes, { step, trusted, where: `${this.#server.shown}/ac/${step.key}` });
    });
    if (entry !== undefined) return entry;
    this.#missing.add(step.key);
    this.#inVain += performance.now() - began;
    const { answer } = this.#patience;
    if (this.#inVain > answer)
      this.#giveUp(`to report missing results it took more than ${answer / 1000} s`);
    return undefined;
  }

  async #receive(
    step: Step,
    { name, size, sha256, executable }: StepOutput,
    directory: string,
    signal: AbortSignal,
  ): Promise<void> {
    const path = join(directory, name);
    const writer = await BlobWriter.create(path);
    try {
      // Not all caches have the empty blob.
      if (size > 0) {
        await receive(
          writer,
          {
            name: `${name} of ${step.name}`,
            urls: [this.#server.blobAddress(sha256)],
            size,
            sha256,
          },
          { transport: this.#server.transport, signal, rounds: 1 },
        );
      }
    } finally {
      await writer.close();
    }
    if (executable) await chmod(path, 0o755);
  }

  /**
   * Sends a request to the cache.
   * @returns `undefined` if the cache lacks the item, returns a wrong item, or has been given up
   * @throws errors that the cache did not cause, such as cancellation by the caller or a full disk
   */
  async #try<T>(
    what: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    if (this.#givenUp !== undefined) return undefined;
    try {
      await this.#server.connect();
    } catch (error) {
      this.#giveUp(failureIn(error)?.message ?? String(error));
      return undefined;
    }
    try {
      return await work(combineSignals(signal, this.#asking.signal));
    } catch (error) {
      if (signal?.aborted === true) throw error;
      if (this.#asking.signal.aborted) return undefined;
      const failure = failureIn(error);
      if (failure?.kind === 'gone' || error instanceof PackageGone) return undefined;
      if (failure === undefined ? error instanceof ExplainedError : failure.kind === 'altered') {
        this.#refused.push(`${what}: ${failure?.message ?? whatOf(error)}`);
        return undefined;
      }
      if (failure === undefined) throw error;
      this.#giveUp(failure.message);
      return undefined;
    }
  }

  #giveUp(why: string): void {
    this.#givenUp ??= why;
    this.#asking.abort();
    this.#bringing.abort();
  }

  #close(why: string): void {
    if (this.#underWay.size > 0) this.#closed ??= why;
    this.#bringing.abort();
  }

  /** Runs an upload in the background; its outcome is part of the report. */
  #bring(work: (signal: AbortSignal) => Promise<void>): void {
    const { signal } = this.#bringing;
    const bringing = this.#limit(async () => {
      if (signal.aborted) return;
      try {
        await work(signal);
      } catch (error) {
        if (!signal.aborted) this.#close(failureIn(error)?.message ?? whatOf(error));
      }
    }).finally(() => this.#underWay.delete(bringing));
    this.#underWay.add(bringing);
  }

  /** @returns whether the blob was uploaded; false if the cache has it already */
  async #writeBlob(
    file: string,
    blob: { sha256: string; size: number },
    signal: AbortSignal,
  ): Promise<boolean> {
    if (await this.#server.hasBlob(blob.sha256, signal)) return false;
    this.#sent += await this.#server.writeBlob(file, blob, signal);
    return true;
  }
}

/** Returns the transfer failure that caused an error, if any. */
function failureIn(error: unknown): TransferFailure | undefined {
  if (error instanceof TransferFailure) return error;
  return error instanceof Error && error.cause !== undefined ? failureIn(error.cause) : undefined;
}

function whatOf(error: unknown): string {
  if (error instanceof ExplainedError) return error.what;
  return error instanceof Error ? error.message : String(error);
}
