import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type WatchResponse,
  WatchResponseSchema,
} from '../../proto/gen/quantix/v1/node_service_pb.js';
import type { Version } from '../../proto/gen/quantix/v1/version_pb.js';
import { AutoResetEvent } from '../../watch/auto-reset-event.ts';
import type { Executor } from '../database/database.ts';
import { readFullStateWanted } from '../database/repositories/announcements.ts';
import { readStanding } from '../database/repositories/nodes.ts';
import {
  failTask,
  listUnfinishedTasks,
  recordTaskSent,
  type UnfinishedTask,
} from '../database/repositories/tasks.ts';

/** Seconds after which something is sent on an idle stream. */
const SIGN_OF_LIFE = 30;

export interface StreamRequest {
  readonly nodeId: string;
  /** Verbs that the node supports, as `Task.verb` names them. */
  readonly verbs: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

/** The open streams of nodes, one for each node: they send what the database has for the node, as it appears. */
export class CommandStreams {
  readonly #db: Executor;
  readonly #version: Version;
  readonly #streams = new Map<string, Stream>();

  constructor(db: Executor, version: Version) {
    this.#db = db;
    this.#version = version;
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
   * Opens a new stream for a node. It ends when its caller leaves, a newer stream of the node is opened, or the node is
   * no longer a member.
   */
  async *open(request: StreamRequest): AsyncGenerator<WatchResponse> {
    const { nodeId } = request;
    this.#streams.get(nodeId)?.end();
    const stream = new Stream(this.#db, request);
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

/** The stream of one node. */
class Stream {
  readonly #db: Executor;
  readonly #request: StreamRequest;
  readonly #ending = new AbortController();
  readonly #news = new AutoResetEvent();
  #isHeartbeatWanted = false;
  /** Time of the last request for a full state for which the node was asked for a heartbeat. */
  #fullStateWanted: number | undefined;
  /** Unfinished tasks that were sent, and those whose cancellation was sent. */
  #sent = new Set<string>();
  #cancelled = new Set<string>();

  constructor(db: Executor, request: StreamRequest) {
    this.#db = db;
    this.#request = request;
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
      if ((await readStanding(this.#db, this.#request.nodeId)) !== 'member') return;
      let isSilent = true;
      for await (const message of this.#due()) {
        if (signal.aborted) return;
        isSilent = false;
        yield message;
      }
      if (isSilent) yield create(WatchResponseSchema);
      await this.#news.wait((SIGN_OF_LIFE / 2) * 1000, signal);
    }
  }

  /** Yields what has not been sent yet. */
  async *#due(): AsyncGenerator<WatchResponse> {
    const wanted = (await readFullStateWanted(this.#db, this.#request.nodeId))?.getTime();
    const isFullStateWanted = wanted !== undefined && wanted !== this.#fullStateWanted;
    this.#fullStateWanted = wanted;
    if (this.#isHeartbeatWanted || isFullStateWanted) {
      this.#isHeartbeatWanted = false;
      yield create(WatchResponseSchema, { content: { case: 'heartbeatNow', value: {} } });
    }
    const { nodeId } = this.#request;
    const unfinished = await listUnfinishedTasks(this.#db, nodeId, new Date());
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
