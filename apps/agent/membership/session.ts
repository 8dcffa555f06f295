import { messageOf } from '../../error.ts';
import type { AssignedPools } from '../../proto/gen/quantix/v1/storage_pb.js';
import { AutoResetEvent } from '../../watch/auto-reset-event.ts';
import { type AgentError, RefusedError } from '../configuration/error.ts';
import { backOff } from './connection/back-off.ts';
import { ClockWatch } from './connection/clock-watch.ts';
import { type Connection, openConnection } from './connection/connection.ts';
import { explainFailure } from './connection/failure.ts';
import { ask } from './facts.ts';
import { type Credentials, checkValidity } from './identity/credentials.ts';
import type { MembershipOptions } from './options.ts';
import { Renewal } from './renewal.ts';
import type { OutboxEntry } from './reporting/outbox.ts';
import { Reported } from './reporting/reported.ts';
import {
  fullStateParts,
  heartbeatRequest,
  storageChangeRequest,
  vmChangeRequest,
} from './reporting/requests.ts';
import { Snapshots } from './reporting/snapshots.ts';

/** Most of the pause before the first full state, milliseconds: hosts that start together do not all call at once. */
const JITTER = 5000;
/** Milliseconds between heartbeats until the control plane says otherwise. */
const INTERVAL = 30_000;
/** Seconds: what the control plane may ask for. */
const LONGEST_INTERVAL = 3600;

export interface SessionOptions extends MembershipOptions {
  /** `https://host:port`. */
  readonly origin: string;
  readonly credentials: Credentials;
  /** See `identity/epoch.ts`. */
  readonly epoch: bigint;
  /** Gets what the control plane's last answer means: `null` for connected. */
  readonly onOutcome: (failure: AgentError | null) => void;
}

/** What is to be done next. */
type Step =
  | { readonly kind: 'full state' | 'heartbeat' }
  | { readonly kind: 'change'; readonly entry: OutboxEntry }
  | { readonly kind: 'pause'; readonly milliseconds: number };

/**
 * The conversation of a node with its control plane: full state, then heartbeats and changes, one call at a time, until
 * it is ended or refused. Failed calls are made again after a pause that grows.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #reported: Reported;
  readonly #snapshots: Snapshots;
  readonly #clockWatch: ClockWatch;
  readonly #renewal: Renewal;
  /** Something is to be done before the pause under way is over. */
  readonly #news = new AutoResetEvent();
  #connection: Connection;
  #interval = INTERVAL;
  #heartbeatDue = 0;
  /** The address that the call under way or the last one told; `undefined` if it failed, or none was made. */
  #toldAddress: string | null | undefined;
  /** The address changed during the call under way, or the pause after a failure. */
  #interrupted = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#reported = new Reported(options.epoch);
    this.#snapshots = new Snapshots(options);
    this.#clockWatch = new ClockWatch(options.log);
    this.#renewal = new Renewal(options.credentials, options);
    this.#connection = this.#connect();
  }

  /** Virtual machines or pools may have changed: looks at them, and delivers what did. */
  async changed(): Promise<void> {
    await this.#look();
    if (this.#reported.fullNeeded || this.#reported.nextChange() !== undefined) this.#news.set();
  }

  /**
   * The management address may have changed. If it is another than the control plane was told, the connection, which
   * may hang on the old one, is dropped and a heartbeat goes out at once.
   */
  async addressChanged(): Promise<void> {
    if ((await this.#detectAddress()) === this.#toldAddress) return;
    this.#interrupted = true;
    this.#heartbeatDue = 0;
    this.#connection.drop();
    this.#news.set();
  }

  /** Comes back when the signal is given. @throws RefusedError if the control plane refuses this node */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#pause(this.#options.random() * JITTER, signal);
      let failures = 0;
      while (!signal.aborted) failures = await this.#round(failures, signal);
    } finally {
      this.#connection.drop();
    }
  }

  /** One step of the conversation. @returns failures in a row */
  async #round(failures: number, signal: AbortSignal): Promise<number> {
    const { clock, origin, random, onOutcome } = this.#options;
    this.#interrupted = false;
    try {
      checkValidity(this.#renewal.credentials, clock.now());
      const step = this.#next();
      await this.#take(step, signal);
      if (step.kind !== 'pause') onOutcome(null);
      // The answer may have come just before the call could be ended: it told the old address all the same.
      if (this.#interrupted) this.#heartbeatDue = 0;
      return 0;
    } catch (error) {
      if (signal.aborted) return failures;
      if (this.#interrupted) return 0;
      const failure = explainFailure(error, origin);
      if (failure instanceof RefusedError) throw failure;
      onOutcome(failure);
      await this.#holdBack(backOff(failures + 1, random()), signal);
      return this.#interrupted ? 0 : failures + 1;
    }
  }

  #next(): Step {
    if (this.#reported.fullNeeded) return { kind: 'full state' };
    const milliseconds = this.#untilHeartbeat();
    if (milliseconds === 0) return { kind: 'heartbeat' };
    const entry = this.#reported.nextChange();
    return entry === undefined ? { kind: 'pause', milliseconds } : { kind: 'change', entry };
  }

  #take(step: Step, signal: AbortSignal): Promise<void> {
    switch (step.kind) {
      case 'full state':
        return this.#tellAddress(() => this.#syncFullState(signal));
      case 'heartbeat':
        return this.#tellAddress(() => this.#heartbeat(signal));
      case 'change':
        return this.#notify(step.entry, signal);
      case 'pause':
        return this.#pause(step.milliseconds, signal);
    }
  }

  async #syncFullState(signal: AbortSignal): Promise<void> {
    const { facts, agentVersion, clock } = this.#options;
    const snapshot = await this.#snapshots.take();
    const host = await ask('what this host is', () => facts.host());
    const position = this.#reported.nextPosition();
    this.#reported.beginFull(snapshot);
    const managementAddress = await this.#addressToTell();
    const answer = await this.#connection.client.syncFullState(
      fullStateParts({ position, managementAddress, host, agentVersion, snapshot }),
      { signal },
    );
    this.#reported.endFull(position);
    this.#clockWatch.compare(answer.serverTime, clock.now());
    this.#obey(answer.heartbeatIntervalSeconds);
    await this.#assign(answer.assignedPools);
  }

  async #heartbeat(signal: AbortSignal): Promise<void> {
    const { facts, clock, log } = this.#options;
    const began = clock.now();
    const host = await ask('what this host is', () => facts.host());
    const { acknowledged } = this.#reported;
    const managementAddress = await this.#addressToTell();
    const answer = await this.#connection.client.heartbeat(
      heartbeatRequest({
        position: this.#reported.nextPosition(),
        managementAddress,
        host,
        snapshot: this.#snapshots.latest,
        acknowledged,
      }),
      { signal },
    );
    this.#obey(answer.heartbeatIntervalSeconds);
    this.#heartbeatDue = began + this.#interval;
    this.#clockWatch.compare(answer.serverTime, clock.now());
    if (answer.requestFullSync || differ(acknowledged.stateHash, answer.stateHash)) {
      log('the control plane’s record of this host differs: sending all of it');
      this.#reported.requireFull();
    }
    await this.#assign(answer.assignedPools);
    await this.#renew(signal);
    await this.#look();
  }

  async #notify(entry: OutboxEntry, signal: AbortSignal): Promise<void> {
    const { client } = this.#connection;
    const { change } = entry;
    const position = this.#reported.positionOf(entry);
    const answer =
      change.kind === 'vm'
        ? await client.notifyVMChange(vmChangeRequest(change, position, entry), { signal })
        : await client.notifyStorageChange(storageChangeRequest(change, position, entry), {
            signal,
          });
    if (answer.requestFullSync) this.#reported.requireFull();
    else this.#reported.acknowledge(entry);
  }

  /** Looks at the host; what changed waits to be told. */
  async #look(): Promise<void> {
    const snapshot = await this.#snapshots.take();
    this.#reported.observe(snapshot, this.#options.clock.now());
  }

  #detectAddress(): Promise<string | null> {
    return ask('the management address', () => this.#options.facts.managementAddress());
  }

  async #addressToTell(): Promise<string | null> {
    this.#toldAddress = await this.#detectAddress();
    return this.#toldAddress;
  }

  /** A call that tells the address: one that fails told nothing. */
  async #tellAddress(call: () => Promise<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      this.#toldAddress = undefined;
      throw error;
    }
  }

  #obey(seconds: number): void {
    if (seconds === 0) return;
    this.#interval = Math.min(seconds, LONGEST_INTERVAL) * 1000;
  }

  async #assign(assigned: AssignedPools | undefined): Promise<void> {
    const { onAssignedPools, log } = this.#options;
    if (assigned === undefined) return;
    try {
      await onAssignedPools?.(assigned.pools);
    } catch (error) {
      log(`the assigned storage pools cannot be set up: ${messageOf(error)}`);
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const connection = this.#connection;
    if (!(await this.#renewal.renewIfDue(connection, signal))) return;
    this.#connection = this.#connect();
    connection.drop();
  }

  #connect(): Connection {
    const { credentials } = this.#renewal;
    const { caCertificates } = credentials;
    return openConnection({ origin: this.#options.origin, caCertificates, credentials });
  }

  /** Milliseconds until the next heartbeat. */
  #untilHeartbeat(): number {
    const left = this.#heartbeatDue - this.#options.clock.now();
    // A clock that was set back must not silence the node.
    return Math.max(0, Math.min(left, this.#interval));
  }

  /** Waits out the back-off; only a new address cuts it short. */
  async #holdBack(milliseconds: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const began = clock.now();
    let left = milliseconds;
    while (left > 0 && left <= milliseconds && !this.#interrupted && !signal.aborted) {
      await this.#pause(left, signal);
      left = milliseconds - (clock.now() - began);
    }
  }

  #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    return this.#news.wait(milliseconds, signal, this.#options.clock);
  }
}

interface Hashes {
  readonly vms: string;
  readonly pools: string;
}

function differ(mine: Hashes, theirs: Hashes | undefined): boolean {
  const pairs = [
    [mine.vms, theirs?.vms ?? ''],
    [mine.pools, theirs?.pools ?? ''],
  ];
  return pairs.some(([a, b]) => a !== '' && b !== '' && a !== b);
}
