import { isDeepStrictEqual } from 'node:util';
import type { Health } from '../../api/health.ts';
import { messageOf } from '../../error.ts';
import type { VmUse } from '../../libvirt/statistics.ts';
import type { HardwareIdentity } from '../../proto/gen/quantix/v1/host_pb.js';
import type { TimeServers } from '../../proto/gen/quantix/v1/node_service_pb.js';
import type { Kept } from '../../proto/gen/quantix/v1/position_pb.js';
import type { AssignedPools } from '../../proto/gen/quantix/v1/storage_pb.js';
import type { Version } from '../../proto/gen/quantix/v1/version_pb.js';
import { AutoResetEvent } from '../../watch/auto-reset-event.ts';
import {
  type AgentError,
  RefusedError,
  TemporaryRefusalError,
  UnreachableError,
} from '../configuration/error.ts';
import { CommandStream } from './command-stream.ts';
import { computeBackOff } from './connection/back-off.ts';
import { ClockWatch } from './connection/clock-watch.ts';
import { type Connection, openConnection } from './connection/connection.ts';
import { explainFailure } from './connection/failure.ts';
import { ask, type ServiceFact } from './facts.ts';
import { checkValidity } from './identity/credentials.ts';
import type { Epochs } from './identity/epoch.ts';
import type { MembershipRecord } from './identity/record.ts';
import type { MembershipOptions } from './options.ts';
import { determineArrival, findKeptEpoch } from './reporting/arrival.ts';
import type { OptionalHostFacts } from './reporting/host-message.ts';
import type { OutboxEntry } from './reporting/outbox.ts';
import { Reported } from './reporting/reported.ts';
import {
  makeHeartbeatRequest,
  makeStorageChangeRequest,
  makeVmChangeRequest,
  splitFullState,
} from './reporting/requests.ts';
import { Snapshots } from './reporting/snapshot.ts';
import { Standing } from './standing.ts';
import { hashForm, makeVersionMessage } from './version.ts';

/** Longest pause before the first full state, in milliseconds: hosts that start together must not all call at once. */
const JITTER = 5000;
/** Milliseconds between heartbeats until the control plane sets an interval. */
const INTERVAL = 30_000;
/** Longest interval that the control plane may set, in seconds. */
const LONGEST_INTERVAL = 3600;
/**
 * Milliseconds without an answer of the control plane after which the LAN is asked for its address, and milliseconds
 * between two such queries.
 */
const SILENCE = 60_000;
/** Longest pause that the control plane may ask for in a temporary refusal, in milliseconds. */
const LONGEST_WAIT = 3_600_000;

export interface SessionOptions extends MembershipOptions {
  /** Address of the control plane: `https://host:port`. */
  readonly origin: string;
  readonly record: MembershipRecord;
  readonly epochs: Epochs;
  /** What the control plane has already received. */
  readonly kept: Kept | undefined;
  /** Receives the state of the connection after each call. */
  readonly onOutcome: (outcome: Outcome) => void;
}

export interface Outcome {
  readonly connected: boolean;
  /** Address at which the control plane is called. */
  readonly origin: string;
  /** Why there is no connection, or a problem of a working connection; `null` if all is well. */
  readonly problem: string | null;
}

/** The next step. */
type Step =
  | { readonly kind: 'full state' | 'heartbeat' }
  | { readonly kind: 'change'; readonly entry: OutboxEntry }
  | { readonly kind: 'pause'; readonly milliseconds: number };

/** Failures of one kind of calls. */
interface Failing {
  /** Number of failures in a row. */
  failures: number;
  /** The last failure. */
  failure: AgentError | null;
  /** Earliest time of the next call, as `Clock.elapsed`. */
  until: number;
}

const FINE: Failing = { failures: 0, failure: null, until: 0 };

/**
 * The exchange of a node with its control plane: a full state, then heartbeats and changes, one call at a time, until
 * it is ended or refused. A failed call is repeated after a growing pause. Heartbeats continue while state calls fail;
 * no state is sent while heartbeats fail.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #reported: Reported;
  readonly #snapshots: Snapshots;
  readonly #clockWatch: ClockWatch;
  readonly #standing: Standing;
  /** Set when there is something to do before the present pause ends. */
  readonly #news = new AutoResetEvent();
  #connection: Connection;
  #stream: CommandStream | undefined;
  /** Address at which the control plane is called. */
  #origin: string;
  /**
   * As `Clock.elapsed`: the time of the control plane's last answer or of the start of the session, and the time of the
   * last query of the LAN.
   */
  #answeredAt: number;
  #lanAskedAt = 0;
  #heartbeats = FINE;
  #state = FINE;
  /** Whether a heartbeat was answered after the state calls began to fail. */
  #livesWithoutState = false;
  #interval = INTERVAL;
  /**
   * The host's health as last read. It is read after a heartbeat, so that a read that hangs does not delay heartbeats.
   */
  #health: Health | undefined;
  #services: readonly ServiceFact[] | undefined;
  /** Resource use of virtual machines when it was last read. */
  #use: readonly VmUse[] | undefined;
  #isMeasuring = false;
  /** Form of the hashes that both sides support. */
  #form = 0;
  #identity: HardwareIdentity | undefined;
  /** The time servers that the control plane sent last. */
  #timeServers: readonly string[] | undefined;
  /** As `Clock.elapsed`. */
  #heartbeatDue = 0;
  /** The management address in the present or last call; `undefined` if that call failed, or there was no call yet. */
  #toldAddress: string | null | undefined;
  /** Whether the address changed during the present call, or during the pause after a failure. */
  #interrupted = false;
  /** Callbacks of callers that wait for the answer to a heartbeat that has not begun yet. */
  readonly #unanswered = new Set<() => void>();

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#reported = new Reported(0n);
    this.#snapshots = new Snapshots(options);
    this.#clockWatch = new ClockWatch(options.log);
    this.#standing = new Standing({ ...options.record, origin: options.origin }, options);
    this.#origin = options.origin;
    this.#answeredAt = options.clock.elapsed();
    this.#connection = this.#connect();
  }

  /** Reports that virtual machines or pools may have changed: takes a snapshot, and delivers the differences. */
  async changed(): Promise<void> {
    await this.#look();
    if (this.#reported.fullNeeded || this.#reported.nextChange() !== undefined) this.#news.set();
  }

  /**
   * Reports that the management address may have changed. If it differs from the reported one, the connection, which
   * may use the old address, is dropped, and a heartbeat is sent at once.
   */
  async addressChanged(): Promise<void> {
    if ((await this.#detectAddress()) !== this.#toldAddress) this.#beginAnew();
  }

  /**
   * Drops the connection, and waits for the answer to a heartbeat that began afterwards: the answer shows that the
   * present configuration of the network reaches the control plane.
   * @throws the signal's reason if it is aborted before
   */
  async reached(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    this.#unanswered.add(resolve);
    try {
      this.#beginAnew();
      await promise;
    } finally {
      this.#unanswered.delete(resolve);
      signal.removeEventListener('abort', stop);
    }
  }

  /** Drops the connection, which may use an outdated configuration, and makes a heartbeat due at once. */
  #beginAnew(): void {
    this.#interrupted = true;
    this.#heartbeatDue = 0;
    this.#heartbeats = FINE;
    this.#state = { ...this.#state, until: 0 };
    this.#reconnect();
    this.#news.set();
  }

  /** Runs until the signal is aborted. @throws RefusedError if the control plane refuses this node */
  async run(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const ended = AbortSignal.any([signal, over.signal]);
    let commands: Promise<void> | undefined;
    try {
      await this.#beginEpoch(this.#options.kept);
      await this.#pause(this.#options.random() * JITTER, signal);
      while (!signal.aborted) {
        await this.#round(signal);
        if (this.#outcome().connected) commands ??= this.#takeCommands(ended);
      }
    } finally {
      over.abort();
      this.#connection.drop();
      await commands;
    }
  }

  /** Carries out tasks until the signal is aborted. Never rejects. */
  async #takeCommands(signal: AbortSignal): Promise<void> {
    const stream = await this.#openStream(signal);
    this.#stream = stream;
    await stream?.run(signal);
  }

  /**
   * Opens the commands; tries again after a failure, as of a disk that gives errors: otherwise, the host would take no
   * tasks until the session ends. @returns undefined if there are none, or the signal was aborted
   */
  async #openStream(signal: AbortSignal): Promise<CommandStream | undefined> {
    const { openCommands, log, clock, random } = this.#options;
    if (openCommands === undefined) return undefined;
    for (let failures = 1, reported = ''; !signal.aborted; failures += 1) {
      try {
        const commands = await openCommands();
        return new CommandStream({
          ...this.#options,
          commands,
          bootId: (await this.#hardware()).bootId,
          connection: () => this.#connection,
          onHeartbeatWanted: () => {
            this.#heartbeatDue = 0;
            this.#news.set();
          },
        });
      } catch (error) {
        const line = `commands cannot be received: ${messageOf(error)}`;
        if (line !== reported) log(line);
        reported = line;
        await clock.sleep(computeBackOff(failures, random()), signal);
      }
    }
    return undefined;
  }

  /** Performs one step of the exchange. */
  async #round(signal: AbortSignal): Promise<void> {
    const { onOutcome } = this.#options;
    const step = this.#next();
    if (step.kind === 'pause') return this.#pause(step.milliseconds, signal);
    this.#interrupted = false;
    const waiting = step.kind === 'heartbeat' ? [...this.#unanswered] : [];
    try {
      await this.#expectValid(signal);
      await this.#take(step, signal);
      // At a new address, state calls do not wait for the end of a pause that failures at the old address caused.
      if (await this.#standing.reached(this.#origin)) this.#state = { ...this.#state, until: 0 };
      this.#answeredAt = this.#options.clock.elapsed();
      if (step.kind === 'heartbeat') {
        this.#livesWithoutState = true;
        this.#stream?.retry();
      }
      for (const resolve of waiting) resolve();
      this.#note(step, FINE);
      // The call, which reported the old address, may have been answered just before it could be aborted.
      if (this.#interrupted) this.#heartbeatDue = 0;
      onOutcome(this.#outcome());
    } catch (error) {
      if (signal.aborted || this.#interrupted) return;
      const failing = this.#failed(step, error);
      this.#note(step, failing);
      onOutcome(this.#outcome());
      await this.#seek(failing, signal);
    }
  }

  #note(step: Step, failing: Failing): void {
    if (step.kind === 'heartbeat') this.#heartbeats = failing;
    else this.#state = failing;
  }

  /**
   * Handles a failed call. @throws RefusedError if the control plane refuses this node; `error` itself if it is a bug
   */
  #failed(step: Step, error: unknown): Failing {
    const { random, clock } = this.#options;
    const failure = explainFailure(error, this.#origin);
    if (failure instanceof RefusedError) throw failure;
    const before = step.kind === 'heartbeat' ? this.#heartbeats : this.#state;
    if (step.kind !== 'heartbeat' && before.failures === 0) this.#livesWithoutState = false;
    const failures = before.failures + 1;
    const asked =
      failure instanceof TemporaryRefusalError ? Math.min(failure.retryAfter, LONGEST_WAIT) : 0;
    const { origins } = this.#standing;
    const pause = Math.max(computeBackOff(Math.ceil(failures / origins.length), random()), asked);
    return { failures, failure, until: clock.elapsed() + pause };
  }

  /** Chooses another address of the control plane; after a long silence, asks the LAN for one. */
  async #seek({ failure, failures }: Failing, signal: AbortSignal): Promise<void> {
    const { clock, askLan, log } = this.#options;
    const now = clock.elapsed();
    if (askLan !== undefined && now - Math.max(this.#answeredAt, this.#lanAskedAt) >= SILENCE) {
      this.#lanAskedAt = now;
      const hints = await askLan(this.#standing.fingerprints, signal);
      this.#standing.hint(hints);
      const [first] = hints;
      if (first !== undefined) {
        log(`the control plane may be at ${hints.join(', ')}, as the LAN says`);
        this.#heartbeats = { ...this.#heartbeats, until: now };
        this.#askAt(first);
        return;
      }
    }
    const { origins } = this.#standing;
    const isElsewhere = failure instanceof UnreachableError || this.#standing.isHint(this.#origin);
    if (isElsewhere) this.#askAt(origins[failures % origins.length] ?? this.#origin);
  }

  #askAt(origin: string): void {
    if (origin === this.#origin) return;
    this.#origin = origin;
    this.#reconnect();
  }

  /** Renews an expired certificate before anything else: the host may have been off for a long time. */
  async #expectValid(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    if (clock.now() > this.#standing.credentials.validTo) {
      await this.#standing.renew(this.#connection, signal);
      this.#reconnect();
    }
    checkValidity(this.#standing.credentials, clock.now());
  }

  #outcome(): Outcome {
    const [silence, untold] = [this.#heartbeats.failure, this.#state.failure];
    const connected = silence === null && (untold === null || this.#livesWithoutState);
    const own = [this.#options.epochs.problem, this.#standing.problem];
    const problems = [silence?.message ?? untold?.message ?? null, ...(connected ? own : [])];
    const present = problems.filter((problem) => problem !== null);
    const problem = present.length === 0 ? null : present.join('; ');
    return { connected, origin: this.#origin, problem };
  }

  #next(): Step {
    const entry = this.#reported.nextChange();
    const news: Step | undefined = this.#reported.fullNeeded
      ? { kind: 'full state' }
      : entry && { kind: 'change', entry };
    const now = this.#options.clock.elapsed();
    const heartbeatAt = Math.max(this.#heartbeatDue, this.#heartbeats.until);
    const newsAt =
      news === undefined ? heartbeatAt : Math.max(this.#state.until, this.#heartbeats.until);
    const isFirst = news?.kind === 'full state' && this.#state.failures === 0;
    if (news !== undefined && newsAt <= now && (isFirst || heartbeatAt > now)) return news;
    if (heartbeatAt <= now) return { kind: 'heartbeat' };
    return { kind: 'pause', milliseconds: Math.min(newsAt, heartbeatAt) - now };
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
      splitFullState({
        position,
        managementAddress,
        host,
        hardware: await this.#hardware(),
        version: makeVersionMessage(agentVersion),
        snapshot,
        optionalFacts: await this.#optionalFacts(),
        form: this.#form,
        now: clock.now(),
      }),
      { signal },
    );
    const arrival = determineArrival(
      { position, again: false, greatest: this.#reported.greatest },
      answer,
    );
    this.#takeVersion(answer.version);
    if (arrival === 'behind') return this.#beginEpoch(answer.kept);
    if (arrival === 'arrived') this.#reported.endFull(position);
    this.#clockWatch.compare(answer.serverTime, clock.now());
    this.#stream?.compare(answer.serverTime);
    this.#obey(answer.heartbeatIntervalSeconds);
    await this.#assign(answer.assignedPools);
  }

  async #heartbeat(signal: AbortSignal): Promise<void> {
    const { facts, clock, log, agentVersion } = this.#options;
    const began = clock.elapsed();
    const host = await ask('what this host is', () => facts.host());
    const acknowledged = this.#reported.acknowledged(this.#form);
    const managementAddress = await this.#addressToTell();
    const position = this.#reported.nextPosition();
    // Reported once, so that old values are not repeated if the next read hangs.
    const use = this.#use;
    this.#use = undefined;
    const answer = await this.#connection.client.heartbeat(
      makeHeartbeatRequest({
        position,
        managementAddress,
        host,
        snapshot: this.#snapshots.latest,
        acknowledged,
        health: this.#health,
        services: this.#services,
        use,
        certificateEnds: this.#standing.credentials.validTo,
        version: makeVersionMessage(agentVersion),
        bootId: (await this.#hardware()).bootId,
        now: clock.now(),
        ...this.#standing.versions,
      }),
      { signal },
    );
    this.#obey(answer.heartbeatIntervalSeconds);
    this.#heartbeatDue = began + this.#interval;
    this.#clockWatch.compare(answer.serverTime, clock.now());
    this.#stream?.compare(answer.serverTime);
    this.#takeVersion(answer.version);
    await this.#standing.learn(answer.endpoints);
    const { greatest } = this.#reported;
    if (determineArrival({ position, again: false, greatest }, answer) === 'behind') {
      this.#heartbeatDue = 0;
      return this.#beginEpoch(answer.kept);
    }
    if (answer.requestFullSync || differ(acknowledged.stateHash, answer.stateHash)) {
      log('the control plane’s record of this host differs: sending all of it');
      this.#reported.requireFull();
    }
    await this.#assign(answer.assignedPools);
    await this.#useTimeServers(answer.timeServers);
    if (await this.#standing.trust(answer.trustBundleVersion, this.#connection, signal)) {
      this.#reconnect();
    }
    await this.#renew(signal);
    await this.#look();
    this.#measure();
  }

  async #notify(entry: OutboxEntry, signal: AbortSignal): Promise<void> {
    const { client } = this.#connection;
    const { change } = entry;
    const { position, again } = this.#reported.send(entry);
    const answer =
      change.kind === 'vm'
        ? await client.notifyVMChange(makeVmChangeRequest(change, position, entry), { signal })
        : await client.notifyStorageChange(makeStorageChangeRequest(change, position, entry), {
            signal,
          });
    const arrival = determineArrival(
      { position, again, greatest: this.#reported.greatest },
      answer,
    );
    if (arrival === 'behind') return this.#beginEpoch(answer.kept);
    if (answer.requestFullSync || arrival === 'unchanged') this.#reported.requireFull();
    else this.#reported.acknowledge(entry);
  }

  /**
   * Begins a run with an epoch greater than any that the control plane has received; the run begins with a full state.
   */
  async #beginEpoch(kept: Kept | undefined): Promise<void> {
    const { epochs, log } = this.#options;
    const heard = findKeptEpoch(kept);
    const epoch = await epochs.next(heard);
    if (this.#reported.greatest > 0n) {
      log(`the control plane knows of a later run of this host (${heard}): starting run ${epoch}`);
    }
    this.#reported.beginEpoch(epoch);
  }

  /** Handles the control plane's version, which may change during a session. */
  #takeVersion(version: Version | undefined): void {
    this.#form = hashForm(version);
  }

  async #hardware(): Promise<HardwareIdentity> {
    this.#identity ??= await this.#options.facts.hardware();
    return this.#identity;
  }

  /** Reports to the control plane that the node leaves. @throws AgentError if the call fails */
  async leave(signal: AbortSignal): Promise<void> {
    try {
      await this.#connection.client.leave({}, { signal });
    } catch (error) {
      throw explainFailure(error, this.#origin);
    }
  }

  /** Takes a snapshot and reads the health of the host; differences are queued. */
  async #look(): Promise<void> {
    const { facts, log } = this.#options;
    const readingHealth = facts.health?.().catch((error: unknown) => {
      log(`the state of this host cannot be read: ${messageOf(error)}`);
      return undefined;
    });
    const [snapshot, health] = await Promise.all([this.#snapshots.take(), readingHealth]);
    this.#health = health;
    this.#reported.observe(snapshot, this.#options.clock.now());
  }

  /**
   * Reads further values for the next heartbeat in the background, so that a read that hangs does not delay heartbeats.
   */
  #measure(): void {
    const { facts, log } = this.#options;
    if (this.#isMeasuring) return;
    this.#isMeasuring = true;
    const work = async () => {
      this.#services = await facts.services?.();
      this.#use = await facts.statistics?.((await facts.vms()).vms);
    };
    work()
      .catch((error: unknown) => {
        this.#use = undefined;
        log(`the usage of virtual machines cannot be read: ${messageOf(error)}`);
      })
      .finally(() => {
        this.#isMeasuring = false;
      });
  }

  /** Reads the facts about this host for a scheduler; facts that cannot be read are left out. */
  async #optionalFacts(): Promise<OptionalHostFacts> {
    const { facts, log } = this.#options;
    const unknown = (error: unknown): undefined => {
      log(`the hardware of this host cannot be read: ${messageOf(error)}`);
    };
    const [build, networks] = await Promise.all([
      facts.build?.().catch(unknown),
      facts.networks?.().catch(unknown),
    ]);
    return { build, networks };
  }

  #detectAddress(): Promise<string | null> {
    return ask('the management address', () => this.#options.facts.managementAddress());
  }

  async #addressToTell(): Promise<string | null> {
    this.#toldAddress = await this.#detectAddress();
    return this.#toldAddress;
  }

  /** Makes a call that reports the address; after a failure the address counts as not reported. */
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

  async #useTimeServers(assigned: TimeServers | undefined): Promise<void> {
    const { onTimeServers, log } = this.#options;
    if (assigned === undefined || isDeepStrictEqual(assigned.servers, this.#timeServers)) return;
    // Stored first, so that servers that cannot be used are not tried again with each heartbeat.
    this.#timeServers = assigned.servers;
    try {
      await onTimeServers?.(assigned.servers);
    } catch (error) {
      log(`the time servers of the control plane cannot be used: ${messageOf(error)}`);
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    if (await this.#standing.renewIfDue(this.#connection, signal)) this.#reconnect();
  }

  #reconnect(): void {
    const connection = this.#connection;
    this.#connection = this.#connect();
    connection.drop();
  }

  #connect(): Connection {
    const { credentials } = this.#standing;
    const { caCertificates } = credentials;
    return openConnection({ origin: this.#origin, caCertificates, credentials });
  }

  #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    return this.#news.wait(milliseconds, signal, this.#options.clock);
  }
}

interface Hashes {
  readonly vms: string;
  readonly pools: string;
  readonly form: number;
}

function differ(mine: Hashes, theirs: Hashes | undefined): boolean {
  if (mine.form !== (theirs?.form ?? 0)) return false;
  const pairs = [
    [mine.vms, theirs?.vms ?? ''],
    [mine.pools, theirs?.pools ?? ''],
  ];
  return pairs.some(([a, b]) => a !== '' && b !== '' && a !== b);
}
