import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type WatchResponse,
  WatchResponseSchema,
} from '../../proto/gen/quantix/v1/node_service_pb.js';
import type { Version } from '../../proto/gen/quantix/v1/version_pb.js';
import { AutoResetEvent } from '../../watch/auto-reset-event.ts';
import { processInBatches } from '../../watch/in-batches.ts';
import type { Executor } from '../database/database.ts';
import { readWanted, type Standing } from '../database/repositories/nodes.ts';
import {
  failTask,
  listUnfinishedTasksOf,
  recordTaskSent,
  type UnfinishedTask,
} from '../database/repositories/tasks.ts';

/** Seconds within which nodes expect a message on an idle stream. */
const SIGN_OF_LIFE = 30;

/** Milliseconds after which a message is sent on an idle stream; the rest of `SIGN_OF_LIFE` allows for delays. */
const SEND_AFTER = 25_000;

/** Idle streams read the database together, at multiples of these milliseconds, so that one statement serves all. */
const TOGETHER = 1000;

/** Maximum number of nodes that are read with one statement. */
const BATCH = 200;

/** Database records to send to a node. */
interface Due {
  readonly standing: Standing;
  readonly fullStateWantedAt: Date | null;
  readonly unfinished: readonly UnfinishedTask[];
}

export interface StreamRequest {
  readonly nodeId: string;
  /** Verbs that the node supports, as `Task.verb` names them. */
  readonly verbs: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

/** The open streams of nodes, one for each. A stream sends its node the requests of the database, as they appear. */
export class CommandStreams {
  readonly #db: Executor;
  readonly #version: Version;
  readonly #readDue: (nodeId: string) => Promise<Due>;
  readonly #streams = new Map<string, Stream>();

  constructor(db: Executor, version: Version) {
    this.#db = db;
    this.#version = version;
    this.#readDue = processInBatches((nodeIds) => readDue(db, nodeIds), {
      keyOf: (nodeId) => nodeId,
      most: BATCH,
    });
  }

  /** Number of nodes with an open stream. */
  get size(): number {
    return this.#streams.size;
  }

  /** Wakes the stream of a node, or all streams if the node is unknown, because there may be news. */
  wake(nodeId: string | undefined): void {
    if (nodeId !== undefined) this.#streams.get(nodeId)?.wake();
    else for (const stream of this.#streams.values()) stream.wake();
  }

  /** Requests a heartbeat at once from a node, or from all, because its answer has news. */
  wantHeartbeat(nodeId?: string): void {
    if (nodeId !== undefined) this.#streams.get(nodeId)?.wantHeartbeat();
    else for (const stream of this.#streams.values()) stream.wantHeartbeat();
  }

  /** Ends all streams. */
  close(): void {
    for (const stream of this.#streams.values()) stream.end();
  }

  /**
   * Opens a new stream for a node. It ends when its caller disconnects, a newer stream of the node is opened, or the
   * node is no longer a member.
   */
  async *open(request: StreamRequest): AsyncGenerator<WatchResponse> {
    const { nodeId } = request;
    this.#streams.get(nodeId)?.end();
    const stream = new Stream(this.#db, request, this.#readDue);
    this.#streams.set(nodeId, stream);
    try {
      yield create(WatchResponseSchema, {
        content: {
          case: 'opened',
          value: {
            signOfLifeSeconds: SIGN_OF_LIFE,
            serverTime: timestampFromMs(Date.now()),
            version: this.#version,
          },
        },
      });
      yield* stream.messages();
    } finally {
      stream.end();
      if (this.#streams.get(nodeId) === stream) this.#streams.delete(nodeId);
    }
  }
}

async function readDue(db: Executor, nodeIds: readonly string[]): Promise<Map<string, Due>> {
  const wanted = await readWanted(db, nodeIds);
  const busy = [...wanted].filter(([, { hasTasks }]) => hasTasks).map(([id]) => id);
  const tasks =
    busy.length === 0
      ? new Map<string, UnfinishedTask[]>()
      : await listUnfinishedTasksOf(db, busy, new Date());
  return new Map([...wanted].map(([id, one]) => [id, { ...one, unfinished: tasks.get(id) ?? [] }]));
}

/** The stream of one node. */
class Stream {
  readonly #db: Executor;
  readonly #request: StreamRequest;
  readonly #readDue: (nodeId: string) => Promise<Due>;
  readonly #ending = new AbortController();
  readonly #news = new AutoResetEvent();
  #isHeartbeatWanted = false;
  /** Time of the last request for a full state; because of it, the node was asked for a heartbeat. */
  #fullStateWanted: number | undefined;
  /** Unfinished tasks that were sent, and those whose cancellation was sent. */
  #sent = new Set<string>();
  #cancelled = new Set<string>();

  constructor(db: Executor, request: StreamRequest, read: (nodeId: string) => Promise<Due>) {
    this.#db = db;
    this.#request = request;
    this.#readDue = read;
    request.signal.addEventListener('abort', () => this.end(), { once: true });
    if (request.signal.aborted) this.end();
  }

  wake(): void {
    this.#news.set();
  }

  wantHeartbeat(): void {
    this.#isHeartbeatWanted = true;
    this.#news.set();
  }

  end(): void {
    this.#ending.abort();
  }

  async *messages(): AsyncGenerator<WatchResponse> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const due = await this.#readDue(this.#request.nodeId);
      if (due.standing !== 'member') return;
      let isSilent = true;
      for await (const message of this.#messagesOf(due)) {
        if (signal.aborted) return;
        isSilent = false;
        yield message;
      }
      if (isSilent) yield create(WatchResponseSchema);
      await this.#news.wait(SEND_AFTER - (performance.now() % TOGETHER), signal);
    }
  }

  /** Yields what has not been sent yet. */
  async *#messagesOf({ fullStateWantedAt, unfinished }: Due): AsyncGenerator<WatchResponse> {
    const wanted = fullStateWantedAt?.getTime();
    const isFullStateWanted = wanted !== undefined && wanted !== this.#fullStateWanted;
    this.#fullStateWanted = wanted;
    if (this.#isHeartbeatWanted || isFullStateWanted) {
      this.#isHeartbeatWanted = false;
      yield create(WatchResponseSchema, { content: { case: 'heartbeatNow', value: {} } });
    }
    for (const one of unfinished) yield* this.#of(one);
    const ids = new Set(unfinished.map(({ task }) => task.id));
    this.#sent = this.#sent.intersection(ids);
    this.#cancelled = this.#cancelled.intersection(ids);
  }

  async *#of({ task, isCancelRequested }: UnfinishedTask): AsyncGenerator<WatchResponse> {
    const { id, verb } = task;
    if (!this.#sent.has(id)) {
      const now = new Date();
      if (verb.case === undefined || !this.#request.verbs.has(verb.case)) {
        const message = `the host does not know ${verb.case ?? 'what is to be done'}`;
        await failTask(this.#db, id, { code: 'UNSUPPORTED', message, now });
        return;
      }
      if (!(await recordTaskSent(this.#db, id, now))) return;
      this.#sent.add(id);
      yield create(WatchResponseSchema, { content: { case: 'task', value: task } });
    }
    if (!isCancelRequested || this.#cancelled.has(id)) return;
    this.#cancelled.add(id);
    yield create(WatchResponseSchema, { content: { case: 'cancelTaskId', value: id } });
  }
}
