import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { getStack } from '../../error.ts';
import { isUuid } from '../../libvirt/uuid.ts';
import {
  type Task,
  TaskErrorCode,
  TaskErrorSchema,
  type TaskReport,
  TaskReportSchema,
  TaskResultSchema,
  TaskState,
} from '../../proto/gen/quantix/v1/task_pb.js';
import { AutoResetEvent } from '../../watch/auto-reset-event.ts';
import { explainFailure, TaskFailure } from './failure.ts';
import { isEnd, type Journal } from './journal.ts';

/** Fields of a task's report to be changed; `taskId` and `number` are set by the Commander. */
type Change = Partial<Omit<TaskReport, '$typeName' | '$unknown' | 'taskId' | 'number'>>;

export type Verb = NonNullable<Task['verb']['case']>;
export type Result = MessageInitShape<typeof TaskResultSchema>;

/** A task to carry out, and its context. */
export interface TaskRun {
  readonly task: Task;
  /** Aborted when the deadline of the task passes, or the agent ends. */
  readonly signal: AbortSignal;
  /** Whether an earlier run of the agent began the task and did not finish it. */
  readonly again: boolean;
  /** When the task was begun, by this host's clock; if `again`, a time before the agent's restart. */
  readonly begunAt: Date;
  /** Reports progress. @param percent 0 to 100 */
  readonly progress: (percent: number, message: string) => void;
}

/** Carries out the tasks of one kind. */
export interface Executor {
  /** Returns the object of a task: tasks of the same object run one after the other. */
  objectOf(task: Task): string;
  /** Carries out a task. @throws TaskFailure and any error that `explainFailure` explains */
  carryOut(taskRun: TaskRun): Promise<Result>;
}

export interface CommanderOptions {
  readonly journal: Journal;
  readonly executors: Readonly<Partial<Record<Verb, Executor>>>;
  readonly log: (line: string) => void;
  /** Current time in milliseconds since 1970. */
  readonly now: () => number;
  /** Ends running tasks; the next run of the agent continues them. */
  readonly signal: AbortSignal;
}

/** Largest number of tasks that run at the same time: each may run one or two programs. */
const AT_ONCE = 16;

/**
 * Added to the journal's last report number after a restart of the agent. It is larger than the number of reports that
 * a task makes between two journal entries, so that new numbers exceed all numbers sent before the restart.
 */
const UNNOTED = 1_000_000;

/** Longest timer, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Carries out the tasks of the control plane, each once, and keeps their reports until they are acknowledged. */
export class Commander {
  readonly #options: CommanderOptions;
  /** The latest report of each task that is not acknowledged. */
  readonly #reports = new Map<string, TaskReport>();
  /** Tasks that wait or run. */
  readonly #open = new Map<string, { report: TaskReport; canceled: boolean }>();
  readonly #queues = new Map<string, Promise<void>>();
  readonly #slots = new Slots(AT_ONCE);
  readonly #news = new AutoResetEvent();

  constructor(options: CommanderOptions) {
    this.#options = options;
    for (const report of options.journal.untold()) this.#reports.set(report.taskId, report);
  }

  /**
   * Accepts a task. If the task waits, runs or has ended already, only its latest report is sent again.
   * @param ahead milliseconds that this host's clock is ahead of the control plane's
   */
  take(task: Task, ahead: number): void {
    const { journal, executors, log } = this.#options;
    const { id } = task;
    if (!isUuid(id)) {
      // A task without a valid id cannot be reported.
      log(`a task without an id was not done: ${JSON.stringify(id.slice(0, 80))}`);
      return;
    }
    const noted = journal.get(id);
    const ended = noted !== undefined && isEnd(noted.report) ? noted.report : undefined;
    const known = this.#open.get(id)?.report ?? ended;
    if (known !== undefined) {
      this.#queue(known);
      return;
    }
    const report =
      noted === undefined
        ? create(TaskReportSchema, { taskId: id, state: TaskState.ACCEPTED, number: 1 })
        : { ...noted.report, number: noted.report.number + UNNOTED };
    this.#open.set(id, { report, canceled: false });
    this.#queue(report);
    const executor = task.verb.case === undefined ? undefined : executors[task.verb.case];
    const expiry = (task.expiresAt === undefined ? 0 : timestampMs(task.expiresAt)) + ahead;
    const expiresAt = Math.max(0, Math.round(expiry));
    // The clock may be set while the task waits: what counts is how much time it had when it arrived.
    const dueAt = performance.now() + expiresAt - this.#options.now();
    this.#enqueue(executor?.objectOf(task) ?? id, () =>
      this.#carryOut(task, executor, { expiresAt, dueAt, again: noted !== undefined }),
    );
  }

  #enqueue(object: string, work: () => Promise<void>): void {
    const before = this.#queues.get(object) ?? Promise.resolve();
    const inTurn = async () => {
      await before;
      await this.#slots.take();
      try {
        await work();
      } finally {
        this.#slots.release();
      }
    };
    const after = inTurn().finally(() => {
      if (this.#queues.get(object) === after) this.#queues.delete(object);
    });
    this.#queues.set(object, after);
  }

  /** Cancels a task, if it has not begun. */
  cancel(id: string): void {
    const open = this.#open.get(id);
    if (open !== undefined) open.canceled = true;
  }

  /** The verbs that this host supports. */
  get verbs(): string[] {
    return Object.keys(this.#options.executors);
  }

  /** Returns the next report, once there is one; it stays queued until it is acknowledged. */
  async nextReport(signal: AbortSignal): Promise<TaskReport | undefined> {
    while (this.#reports.size === 0 && !signal.aborted)
      await this.#news.wait(LONGEST_TIMER, signal);
    return signal.aborted ? undefined : this.#reports.values().next().value;
  }

  /** Handles the acknowledgement of a report. */
  acknowledge(report: TaskReport): void {
    const { taskId, number } = report;
    if (this.#reports.get(taskId)?.number === number) this.#reports.delete(taskId);
    if (isEnd(report)) this.#options.journal.acknowledge(taskId);
  }

  /** Waits until no task waits or runs. */
  async idle(): Promise<void> {
    while (this.#queues.size > 0) await Promise.allSettled(this.#queues.values());
  }

  async #carryOut(
    task: Task,
    executor: Executor | undefined,
    { expiresAt, dueAt, again }: { expiresAt: number; dueAt: number; again: boolean },
  ): Promise<void> {
    const { signal, now, log } = this.#options;
    if (signal.aborted) return;
    const who =
      task.requestedBy === ''
        ? ''
        : `, asked for by ${JSON.stringify(task.requestedBy.slice(0, 80))}`;
    const name = `task ${task.id} (${task.verb.case ?? 'unknown'}${who})`;
    try {
      const failure = this.#whyNot(task, executor, { dueAt, again });
      if (failure !== undefined) throw failure;
      const startedAt = this.#open.get(task.id)?.report.startedAt ?? timestampFromMs(now());
      const begun = { state: TaskState.RUNNING, startedAt };
      if (!again) await this.#note(task.id, begun, expiresAt);
      this.#advance(task.id, begun);
      const left = Math.min(Math.max(Math.ceil(dueAt - performance.now()), 0), LONGEST_TIMER);
      const deadline = AbortSignal.timeout(left);
      const result = await executor
        ?.carryOut({
          task,
          again,
          begunAt: timestampDate(startedAt),
          signal: AbortSignal.any([signal, deadline]),
          progress: (progressPercent, message) =>
            this.#advance(task.id, { progressPercent, message }),
        })
        .catch((error: unknown) => {
          throw deadline.aborted ? timeout(error) : error;
        });
      await this.#end(
        task.id,
        {
          state: TaskState.DONE,
          progressPercent: 100,
          message: '',
          result: create(TaskResultSchema, result),
        },
        expiresAt,
      );
      log(`${name} is done`);
    } catch (error) {
      // The journal still records the task as begun: the next run of the agent determines its result.
      if (signal.aborted) return;
      const failure = explainFailure(error);
      const { code, message } = failure;
      if (code === TaskErrorCode.UNSPECIFIED) log(getStack(error));
      await this.#end(
        task.id,
        { state: TaskState.FAILED, message: '', error: create(TaskErrorSchema, { code, message }) },
        expiresAt,
      );
      log(`${name} failed: ${message}`);
    }
  }

  #whyNot(
    { id, verb }: Task,
    executor: Executor | undefined,
    { dueAt, again }: { dueAt: number; again: boolean },
  ): TaskFailure | undefined {
    if (executor === undefined) {
      const what = verb.case ?? 'what is asked for';
      return new TaskFailure(TaskErrorCode.UNSUPPORTED, `this host does not know ${what}`);
    }
    const isLate = dueAt <= performance.now();
    if (again && isLate) {
      const what = 'the agent ended during the task, and the deadline has passed';
      return new TaskFailure(TaskErrorCode.INTERRUPTED, what);
    }
    if (again) return undefined;
    if (this.#open.get(id)?.canceled === true) {
      return new TaskFailure(TaskErrorCode.CANCELED, 'it was taken back');
    }
    if (!isLate) return undefined;
    return new TaskFailure(TaskErrorCode.EXPIRED, 'its deadline passed before it started');
  }

  /** Ends a task: writes the journal, then reports. The report is sent even if the journal cannot be written. */
  async #end(id: string, change: Change, expiresAt: number): Promise<void> {
    const end = { ...change, finishedAt: timestampFromMs(this.#options.now()) };
    await this.#note(id, end, expiresAt).catch((error: unknown) => {
      this.#options.log(
        `the outcome of task ${id} could not be recorded: ${explainFailure(error).message}`,
      );
    });
    this.#advance(id, end);
    this.#open.delete(id);
  }

  #note(id: string, change: Change, expiresAt: number): Promise<void> {
    return this.#options.journal.note(this.#changed(id, change), {
      expiresAt,
      now: this.#options.now(),
    });
  }

  /** Changes the report of a task, and queues it. */
  #advance(id: string, change: Change): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    open.report = this.#changed(id, change);
    this.#queue(open.report);
  }

  #changed(id: string, change: Change): TaskReport {
    const report = this.#open.get(id)?.report ?? create(TaskReportSchema, { taskId: id });
    return { ...report, ...change, number: report.number + 1 };
  }

  #queue(report: TaskReport): void {
    this.#reports.set(report.taskId, report);
    this.#news.set();
  }
}

function timeout(error: unknown): TaskFailure {
  if (error instanceof TaskFailure && error.code === TaskErrorCode.TIMEOUT) return error;
  return new TaskFailure(TaskErrorCode.TIMEOUT, 'it was not done by its deadline', error);
}

/** Limits the number of concurrent tasks; waiting ones continue in order. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async take(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
