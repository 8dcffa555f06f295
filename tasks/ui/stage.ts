import { Listr, type ListrTask } from 'listr2';
import type { Output } from './events.ts';
import { formatProgress } from './format.ts';

/** Milliseconds between two updates of a progress line, and between two progress events. */
const DRAW_EVERY = 100;
const EMIT_EVERY = 1000;

/** What a stage tells while it runs. */
export interface StageReport {
  /** How far it is, in bytes. */
  progress(done: number, total: number): void;
  /** A line that stays on screen under the stage. */
  say(line: string): void;
}

/** How a stage ended. */
export interface StageOutcome {
  /** True if there was nothing to do, since the result was there already. */
  cached?: boolean;
  /** Appended to the stage's title. */
  note?: string;
}

/** What a stage took, for the table at the end. */
export interface StageTime {
  step: string;
  seconds: number;
  cached: boolean;
}

export interface StageOptions {
  /** Name of the profile. */
  image: string;
  /** Name in events and tables. */
  step: string;
  title: string;
  output: Output;
  /** Filled in when the stage has ended. */
  times: StageTime[];
}

/** What a stage does. */
export type StageRun = (report: StageReport) => Promise<StageOutcome>;

/** Runs stages: drawn on a terminal, a line each elsewhere, not shown at all with `--json`. */
export async function runStages(stages: ListrTask[], output: Output): Promise<void> {
  const common = { registerSignalListeners: false } as const;
  const list = output.json
    ? new Listr(stages, { ...common, renderer: 'silent' })
    : new Listr(stages, {
        ...common,
        renderer: 'default',
        fallbackRenderer: 'simple',
        rendererOptions: { showErrorMessage: false, collapseSubtasks: false },
      });
  try {
    await list.run();
  } catch (error) {
    throw error instanceof StageFailure ? error.cause : error;
  }
}

/** What Listr2 shows of a failed stage; the command line tells the cause, once. */
class StageFailure extends Error {
  constructor(cause: unknown) {
    super('see below', { cause });
  }
}

/** One arrow of the build as a Listr2 task: with progress on a terminal, quiet elsewhere, events for programs. */
export function stage(
  { image, step, title, output, times }: StageOptions,
  run: StageRun,
): ListrTask {
  return {
    title,
    rendererOptions: { persistentOutput: true },
    task: async (_context, task) => {
      const began = performance.now();
      const elapsed = () => (performance.now() - began) / 1000;
      let [drawn, emitted] = [began, began];
      output.emit({ event: 'start', image, step });
      const report: StageReport = {
        say: (line) => {
          if (output.json) output.say(line);
          else task.output = line;
        },
        progress: (done, total) => {
          const now = performance.now();
          if (output.interactive && now - drawn > DRAW_EVERY) {
            drawn = now;
            task.title = `${title}: ${formatProgress(done, total, elapsed())}`;
          }
          if (now - emitted > EMIT_EVERY) {
            emitted = now;
            output.emit({ event: 'progress', image, step, done, total });
          }
        },
      };
      const { cached = false, note } = await run(report).catch((cause: unknown) => {
        task.title = title;
        throw new StageFailure(cause);
      });
      const seconds = elapsed();
      const remark = [cached ? 'from the cache' : '', note ?? ''].filter((one) => one !== '');
      task.title = remark.length === 0 ? title : `${title} (${remark.join(', ')})`;
      times.push({ step, seconds, cached });
      output.emit({ event: 'done', image, step, cached, seconds });
    },
  };
}
