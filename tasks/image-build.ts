import { BlobStore } from '../build/cache/blob-store.ts';
import type { OpenedPackage } from '../build/contract/base.ts';
import type { PackageContent } from '../build/contract/lock.ts';
import type { PackageScript } from '../build/contract/scripts.ts';
import type { ImageWork } from '../build/image/facts.ts';
import type { IsoResult } from '../build/image/iso.ts';
import type { PreparedImage } from '../build/image/prepare.ts';
import type { RemoteCache } from '../build/remote-cache/remote-cache.ts';
import type { SeaWork } from '../build/sea/make.ts';
import { type CheckedResult, StepCache } from '../build/step/cache.ts';
import type { RunnableStep, Step } from '../build/step/step.ts';
import type { Entry } from '../build/tree/entry.ts';
import { fetchPackages } from './packages.ts';
import { fetchNode } from './programs.ts';
import { reportUnreviewed } from './scripts.ts';
import type { StageOutcome, StageReport } from './ui/stage.ts';

/** Everything that a step of an image may receive besides its inputs. */
export type Work = ImageWork & SeaWork;

/** An image while it is built: the results of its stages, for later stages. */
export class ImageBuild {
  /** Its lock changes if the mirror no longer has a package. */
  image: PreparedImage;
  readonly steps: StepCache;
  readonly #remote: RemoteCache | undefined;
  readonly #results = new Map<string, CheckedResult>();
  #iso: IsoResult | undefined;
  readonly #packages = new Map<string, readonly Entry[]>();
  #scripts: readonly PackageScript[] = [];

  /** @param remote cache of others; `forbidden` also excludes the results of others that are in the local cache */
  constructor(image: PreparedImage, remote?: RemoteCache | 'forbidden') {
    this.image = image;
    this.steps = new StepCache(image.lockRequest.cache.steps, remote);
    this.#remote = remote === 'forbidden' ? undefined : remote;
  }

  /**
   * Makes sure that all packages are in the cache, verified and opened.
   * @throws BuildError if it is a release and a package script is unreviewed
   */
  async fetch(report: StageReport): Promise<StageOutcome> {
    const { image, entries, scripts, downloaded } = await fetchPackages(
      this.image,
      report,
      this.#remote,
    );
    this.image = image;
    this.#scripts = scripts;
    reportUnreviewed(scripts, image.facts, report.say);
    for (const [sha256, one] of entries) this.#packages.set(sha256, one);
    return { cached: downloaded === 0, note: `${entries.size} packages` };
  }

  /** Returns the result of a step from the cache, or makes it. */
  async make(step: RunnableStep<Work>, report: StageReport): Promise<CheckedResult> {
    const work = this.work(report);
    const { check } = step;
    const result = await this.steps.run(
      step,
      (directory) => step.make(directory, work),
      check === undefined ? undefined : (directory) => check(directory, work),
      work.signal,
    );
    this.#results.set(step.key, result);
    return result;
  }

  /** Whether any part of the image was made by others. */
  get isOfOthers(): boolean {
    return [...this.#results.values()].some(({ origin }) => origin !== undefined);
  }

  /** Returns what a step receives besides its inputs. */
  work(report: StageReport): Work {
    const { projectDirectory, lockRequest, facts, jobs } = this.image;
    return {
      owner: facts.owner,
      projectDirectory,
      threads: jobs,
      signal: lockRequest.signal,
      made: (step) => this.result(step).directory,
      hashes: (step) => this.result(step).hashes,
      checked: (step) => this.result(step).checked,
      opened: (packages) => packages.map((one) => this.#opened(one)),
      archive: (runtime) =>
        fetchNode(runtime, {
          ...lockRequest,
          store: new BlobStore(lockRequest.cache, report.say),
          onProgress: report.progress,
        }),
      onProgress: report.progress,
    };
  }

  /** Scripts of the packages, none of which was run. */
  get scripts(): readonly PackageScript[] {
    return this.#scripts;
  }

  /** The finished ISO. */
  get iso(): IsoResult {
    if (this.#iso === undefined) throw new Error('the ISO was not written yet');
    return this.#iso;
  }

  set iso(iso: IsoResult) {
    this.#iso = iso;
  }

  /** Returns the result of a step that has been made. */
  result({ name, key }: Step): CheckedResult {
    const result = this.#results.get(key);
    if (result === undefined) throw new Error(`the step ${name} was not made yet`);
    return result;
  }

  #opened(locked: PackageContent): OpenedPackage {
    const entries = this.#packages.get(locked.sha256);
    if (entries === undefined) throw new Error(`the package ${locked.name} was not opened`);
    return { locked, entries };
  }
}
