import { EventEmitter, once } from 'node:events';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type WatchResponse,
  WatchResponseSchema,
} from '../../apps/proto/gen/quantix/v1/node_service_pb.js';
import {
  type Task,
  type TaskReport,
  TaskSchema,
  TaskState,
} from '../../apps/proto/gen/quantix/v1/task_pb.js';

type Content = MessageInitShape<typeof WatchResponseSchema>['content'];

/** Fields of a task. */
export type TaskInit = Exclude<MessageInitShape<typeof TaskSchema>, Task>;

/** The tasks of one node, and the stream on which it receives them, by the rules of `task.proto`. */
export class Tasks {
  /** All received reports, in order. */
  readonly reports: TaskReport[] = [];
  readonly #unfinished = new Map<string, Task>();
  readonly #known = new Set<string>();
  readonly #arrivals = new EventEmitter();
  #stream: Stream | undefined;

  /** Whether the node holds a stream open. */
  get isWatched(): boolean {
    return this.#stream !== undefined;
  }

  /** Gives the node a task, which expires after a minute by default. @returns its id */
  give(task: TaskInit): string {
    const whole = create(TaskSchema, {
      id: crypto.randomUUID(),
      expiresAt: timestampFromMs(Date.now() + 60_000),
      requestedBy: 'a test',
      ...task,
    });
    this.#known.add(whole.id);
    this.#unfinished.set(whole.id, whole);
    this.send({ case: 'task', value: whole });
    return whole.id;
  }

  /** Sends a message on the stream, if one is open; for example a task for the second time. */
  send(content: Content): void {
    this.#stream?.push(
      create(WatchResponseSchema, { ...(content === undefined ? {} : { content }) }),
    );
  }

  /** Opens a new stream of the node; the previous one ends. */
  async *open(opened: WatchResponse, signal: AbortSignal): AsyncGenerator<WatchResponse> {
    this.#stream?.end();
    const stream = new Stream();
    this.#stream = stream;
    signal.addEventListener('abort', () => stream.end(), { once: true });
    stream.push(opened);
    for (const task of this.#unfinished.values()) {
      stream.push(create(WatchResponseSchema, { content: { case: 'task', value: task } }));
    }
    this.#arrivals.emit('stream');
    try {
      yield* stream.messages();
    } finally {
      if (this.#stream === stream) this.#stream = undefined;
    }
  }

  /** @returns whether the task is known */
  report(report: TaskReport | undefined): boolean {
    if (report === undefined || !this.#known.has(report.taskId)) return false;
    this.reports.push(report);
    if (isFinal(report)) this.#unfinished.delete(report.taskId);
    this.#arrivals.emit('report');
    return true;
  }

  /** All tasks that are not finished, in the order in which they were given. */
  unfinished(): Task[] {
    return [...this.#unfinished.values()];
  }

  /** Returns an unfinished task. */
  taskOf(id: string): Task {
    const task = this.#unfinished.get(id);
    if (task === undefined) throw new Error(`${id} is finished, or was never given`);
    return task;
  }

  /** Waits until a stream is open. */
  async watched(): Promise<void> {
    while (this.#stream === undefined) await once(this.#arrivals, 'stream');
  }

  /** Waits for a report of a task that meets a condition. @returns the first such report */
  async reached(id: string, isFar: (report: TaskReport) => boolean): Promise<TaskReport> {
    for (;;) {
      const report = this.reports.find((one) => one.taskId === id && isFar(one));
      if (report !== undefined) return report;
      await once(this.#arrivals, 'report');
    }
  }

  /** Waits for the end of a task. */
  ended(id: string): Promise<TaskReport> {
    return this.reached(id, isFinal);
  }
}

function isFinal({ state }: TaskReport): boolean {
  return state === TaskState.DONE || state === TaskState.FAILED;
}

/** Messages on their way to one reader. */
class Stream {
  readonly #waiting: WatchResponse[] = [];
  #ended = false;
  #news = Promise.withResolvers<void>();

  push(message: WatchResponse): void {
    this.#waiting.push(message);
    this.#news.resolve();
  }

  end(): void {
    this.#ended = true;
    this.#news.resolve();
  }

  async *messages(): AsyncGenerator<WatchResponse> {
    while (!this.#ended) {
      const message = this.#waiting.shift();
      if (message !== undefined) {
        yield message;
        continue;
      }
      await this.#news.promise;
      this.#news = Promise.withResolvers();
    }
  }
}
