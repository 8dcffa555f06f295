import { Listr, type ListrTask } from 'listr2';
import { combineSignals } from '../../build/process/child-group.ts';
import type { Output } from './events.ts';
import { formatProgress } from './format.ts';

/** Minimum number of milliseconds between two updates of a progress line, and between two progress events. */
const DRAW_EVERY = 100;
const EMIT_EVERY = 1000;

/** What a running stage reports to. */
export interface StageReport {
  /** Reports progress in bytes. */
  progress(done: number, total: number): void;
  /** Prints a line that stays on screen under the stage. */
  say(line: string): void;
}

/** Result of a stage. */
export interface StageOutcome {
  /** True if there was nothing to do because the result existed already. */
  cached?: boolean;
  /** Name of the key that signed the result, if it comes from a remote cache. */
  origin?: string | undefined;
  /** Text appended to the stage's title. */
  note?: string;
}

/** Times of a stage, for the table at the end. */
export interface StageTime {
  step: string;
  /** When it began, in seconds since the first stage could begin. */
  began: number;
  seconds: number;
  cached: boolean;
  /** Name of the key that signed the result, if it comes from a remote cache. */
  origin?: string | undefined;
}

/** Says where the result of a stage came from; empty if it was made now. */
export function describeOrigin({ cached, origin }: Pick<StageTime, 'cached' | 'origin'>): string {
  if (origin !== undefined) return `made by ${origin}`;
  return cached ? 'from the cache' : '';
}

/** The work of a stage. */
export type StageRun = (report: StageReport) => Promise<StageOutcome>;

/** Input of the constructor of `Stages`. */
export interface StagesOptions {
  /** Name of the profile. */
  image: string;
  output: Output;
  /** Cancels all stages when aborted. */
  signal?: AbortSignal | undefined;
  /** Maximum number of stages that run at the same time; no limit if absent. */
  atOnce?: number | undefined;
}

/** Stages that succeed or fail together: if one fails, those that run at the same time are cancelled. */
export class Stages {
  /** Times of the stages that have ended. */
  readonly times: StageTime[] = [];
  /** Aborted when the caller cancels or a stage fails; stages pass it to everything they start. */
  readonly signal: AbortSignal;
  readonly #began = performance.now();
  readonly #image: string;
  readonly #output: Output;
  readonly #atOnce: number | undefined;
  readonly #failed = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  /** Stage → promise that settles when the stage has ended. */
  readonly #ended = new Map<ListrTask, Promise<void>>();

  constructor({ image, output, signal, atOnce }: StagesOptions) {
    this.#image = image;
    this.#output = output;
    this.#atOnce = atOnce;
    this.signal = combineSignals(signal, this.#failed.signal);
  }

  /**
   * Creates a stage as a Listr2 task: it shows progress on a terminal, only its end elsewhere, and events with
   * `--json`.
   * @param step its name in events and tables
   * @param after stages running at the same time that must end before it begins
   */
  stage(
    step: string,
    title: string,
    run: StageRun,
    { after = [] }: { after?: readonly ListrTask[] } = {},
  ): ListrTask {
    const ended = Promise.withResolvers<void>();
    // Other stages may await it late or never; this keeps a rejection from counting as unhandled.
    ended.promise.catch(() => undefined);
    const made: ListrTask = {
      title,
      rendererOptions: { persistentOutput: true },
      task: async (_context, task) => {
        await Promise.all(after.map((one) => this.#ended.get(one))).catch((failure: unknown) => {
          ended.reject(failure);
          throw failure;
        });
        const began = performance.now();
        const [image, output] = [this.#image, this.#output];
        output.emit({ event: 'start', image, step });
        const running = run(this.#report(step, title, task));
        this.#running.add(running);
        const {
          cached = false,
          origin,
          note,
        } = await running.catch((cause: unknown) => {
          this.#failed.abort();
          task.title = title;
          const failure = new StageFailure(cause);
          ended.reject(failure);
          throw failure;
        });
        const seconds = (performance.now() - began) / 1000;
        const remark = [describeOrigin({ cached, origin }), note ?? ''].filter((one) => one !== '');
        task.title = remark.length === 0 ? title : `${title} (${remark.join(', ')})`;
        const since = (began - this.#began) / 1000;
        this.times.push({ step, began: since, seconds, cached, origin });
        output.emit({ event: 'done', image, step, cached, origin, seconds });
        ended.resolve();
      },
    };
    this.#ended.set(made, ended.promise);
    return made;
  }

  /**
   * Combines stages that run at the same time into one Listr2 task.
   * @param stages ordered so that each comes after those that it waits for: a waiting stage counts as running
   */
  sideBySide(title: string, stages: ListrTask[]): ListrTask {
    const concurrent = this.#atOnce ?? true;
    return { title, task: (_context, parent) => parent.newListr(stages, { concurrent }) };
  }

  /**
   * Runs stages: drawn on a terminal, one line each elsewhere, not shown at all with `--json`.
   * @throws the error of the first stage that failed, after all others have ended
   */
  async run(stages: ListrTask[]): Promise<void> {
    const common = { registerSignalListeners: false } as const;
    const list = this.#output.json
      ? new Listr(stages, { ...common, renderer: 'silent' })
      : new Listr(stages, {
          ...common,
          renderer: this.#output.interactive ? 'default' : 'simple',
          rendererOptions: { showErrorMessage: false, collapseSubtasks: false },
        });
    try {
      await list.run();
    } catch (error) {
      // Wait for the others to end: they remove their unfinished files.
      await Promise.allSettled(this.#running);
      throw error instanceof StageFailure ? error.cause : error;
    }
  }

  #report(step: string, title: string, task: { title?: string; output?: string }): StageReport {
    const [image, output] = [this.#image, this.#output];
    const meter = new ProgressMeter();
    let [drawn, emitted] = [performance.now(), performance.now()];
    return {
      say: (line) => {
        if (output.json) output.say(line);
        else task.output = line;
      },
      progress: (done, total) => {
        const now = performance.now();
        meter.moved(done, now);
        if (output.interactive && now - drawn > DRAW_EVERY) {
          drawn = now;
          task.title = `${title}: ${formatProgress(done, total, meter.perSecond)}`;
        }
        if (now - emitted > EMIT_EVERY) {
          emitted = now;
          output.emit({ event: 'progress', image, step, done, total });
        }
      },
    };
  }
}

/** The error that Listr2 shows for a failed stage; the command line prints its cause once. */
class StageFailure extends Error {
  constructor(cause: unknown) {
    super('see below', { cause });
  }
}

/** Measures speed since the first report: bytes of an earlier, resumed run do not count. */
class ProgressMeter {
  #first: { done: number; at: number } | undefined;
  perSecond = 0;

  moved(done: number, at: number): void {
    this.#first ??= { done, at };
    const seconds = (at - this.#first.at) / 1000;
    this.perSecond = seconds > 0 ? Math.max(0, done - this.#first.done) / seconds : 0;
  }
}
