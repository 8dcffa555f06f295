import { join as joinPath } from 'node:path';
import { messageOf } from '../../error.ts';
import { DiskError } from '../../files/disk-error.ts';
import { expectWritable } from '../../files/durable-file.ts';
import { getErrorCode } from '../../process/code-of.ts';
import type { Kept } from '../../proto/gen/quantix/v1/position_pb.js';
import { AgentError, RefusedError } from '../configuration/error.ts';
import { type JoinToken, parseJoinToken } from '../configuration/join-token.ts';
import {
  forgetControlPlane,
  readControlPlane,
  rememberControlPlane,
} from '../configuration/node-config.ts';
import { parseOrigin } from '../configuration/origin.ts';
import { computeBackOff } from './connection/back-off.ts';
import { ask } from './facts.ts';
import { Epochs } from './identity/epoch.ts';
import { loadKey, type NodeKey } from './identity/key.ts';
import {
  MEMBERSHIP,
  type MembershipRecord,
  readRecord,
  removeRecord,
  selectUsableEndpoints,
  writeRecord,
} from './identity/record.ts';
import type { Enrolment } from './join.ts';
import type { Joined, JoinRequest, MembershipOptions, MembershipStatus } from './options.ts';
import type { Session } from './session.ts';

/** Size in bytes that no membership record exceeds. */
const LARGEST_RECORD = 65_536;
/** Milliseconds before another try after an error of the disk. */
const RECOVERY = 60_000;
/**
 * Milliseconds before a refused node tries again, extended at random by up to half, if the control plane sets no time.
 */
const REFUSED_PAUSE = 3_600_000;
/** Limits, in milliseconds, of the time that the control plane may set. */
const LEAST_REFUSED_PAUSE = 60_000;
const MOST_REFUSED_PAUSE = 86_400_000;

/** The next step. */
type Plan =
  | { readonly kind: 'start' }
  | { readonly kind: 'wait' }
  | { readonly kind: 'join'; readonly origin: string; readonly token: JoinToken }
  | {
      readonly kind: 'speak';
      readonly origin: string;
      readonly record: MembershipRecord;
      /** What the control plane had received from this node before it joined. */
      readonly kept?: Kept | undefined;
    };

/** A membership that has been written to the disk. */
interface Written {
  readonly plan: Plan;
  /** Whether it survives a reboot. */
  readonly persistent: boolean;
}

/**
 * Starts the membership: connects to the control plane that the node has joined, joins one with the token in the
 * configuration, or waits until `join` is called.
 */
export function startMembership(options: MembershipOptions): Membership {
  return new Membership(options);
}

/** The control plane of the node, and the state of the connection. */
export class Membership {
  /** Resolves when everything has ended after the signal was aborted; rejects only on a bug. */
  readonly finished: Promise<void>;
  readonly #options: MembershipOptions;
  readonly #epochs: Epochs;
  #key: NodeKey | undefined;
  #status: MembershipStatus;
  #plan: Plan = { kind: 'start' };
  #turn = new AbortController();
  #session: Session | undefined;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#epochs = new Epochs(options);
    const address = options.config.controlPlane ?? null;
    this.#status = { state: 'unconfigured', address, problem: null };
    this.finished = this.#run();
  }

  get status(): MembershipStatus {
    return this.#status;
  }

  /** Reports that virtual machines or storage pools may have changed. Never throws; cheap to call often. */
  changed(): void {
    this.#session?.changed().catch(this.#report);
  }

  /** Reports that the management address may have changed. Never throws. */
  addressChanged(): void {
    this.#session?.addressChanged().catch(this.#report);
  }

  /** See `Session.reached`. @throws AgentError if there is no connection */
  async reached(signal: AbortSignal): Promise<void> {
    if (this.#session === undefined) throw new AgentError({ what: 'there is no connection now' });
    await this.#session.reached(signal);
  }

  /**
   * Tries once to join a control plane; if that succeeds, the node belongs to it instead of any previous one.
   * @throws AgentError for the operator; everything then continues as before
   */
  async join({ controlPlane, token }: JoinRequest): Promise<Joined> {
    const origin = parseOrigin(controlPlane);
    const enrolment = await this.#enrol(origin, parseJoinToken(token), this.#options.signal);
    const { plan, persistent } = await this.#keep(origin, enrolment);
    this.#switchTo(plan);
    return { nodeId: enrolment.credentials.key.nodeId, controlPlane: origin, persistent };
  }

  /**
   * Leaves the control plane: informs it, and removes the node's record of it. Pools that it assigned, and virtual
   * machines, stay.
   * @param force whether to leave even if the control plane cannot be informed
   * @throws AgentError if the node belongs to no control plane, or cannot inform it; nothing has changed then
   */
  async leave(force: boolean): Promise<void> {
    const { folder, signal, log, onTimeServers } = this.#options;
    const { address } = this.#status;
    if (this.#plan.kind !== 'speak') {
      throw new AgentError({ what: 'this host belongs to no control plane' });
    }
    try {
      if (this.#session === undefined) throw new AgentError({ what: 'there is no connection now' });
      await this.#session.leave(signal);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      if (!force) {
        const fix = 'With --force this host leaves anyway.';
        throw new AgentError({ what: `the control plane was not notified: ${error.message}`, fix });
      }
      log(`leaves, and the control plane was not notified: ${error.message}`);
    }
    await onTimeServers?.([]).catch(this.#report);
    await removeRecord(folder);
    await forgetControlPlane(joinPath(folder, 'node.yaml'));
    log(`left the control plane ${address ?? ''}`);
    this.#switchTo({ kind: 'wait' });
    this.#set({ state: 'unconfigured', address: null, problem: null });
  }

  /** Carries out one plan after the other until the signal is aborted. */
  async #run(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      this.#turn = new AbortController();
      await this.#carryOut(this.#plan, AbortSignal.any([signal, this.#turn.signal]));
    }
  }

  async #firstPlan(): Promise<Plan> {
    const { folder, log, config } = this.#options;
    const { controlPlane: origin, joinToken } = config;
    const key = () => this.#loadKey();
    const record = await readRecord({ folder, key, configured: origin, log });
    if (record !== undefined) return { kind: 'speak', origin: this.#originOf(record), record };
    if (origin === undefined) return { kind: 'wait' };
    if (joinToken !== undefined) return { kind: 'join', origin, token: parseJoinToken(joinToken) };
    const problem = 'this host has not joined the control plane: it needs a join token';
    this.#set({ state: 'unconfigured', address: origin, problem });
    return { kind: 'wait' };
  }

  /**
   * Returns the address of the control plane: the one in `node.yaml` if that was changed after the node joined,
   * otherwise the recorded one.
   */
  #originOf({ origin, configuredBefore }: MembershipRecord): string {
    const { controlPlane } = this.#options.config;
    return controlPlane === undefined || controlPlane === configuredBefore ? origin : controlPlane;
  }

  /** Carries out a plan until it ends, or another one replaces it. */
  async #carryOut(plan: Plan, signal: AbortSignal): Promise<void> {
    try {
      const next = await this.#follow(plan, signal);
      if (!signal.aborted) this.#plan = next;
    } catch (error) {
      if (signal.aborted) return;
      await this.#fail(plan, error, signal);
    }
  }

  #follow(plan: Plan, signal: AbortSignal): Promise<Plan> {
    switch (plan.kind) {
      case 'start':
        return this.#firstPlan();
      case 'wait':
        return this.#idle(signal);
      case 'join':
        return this.#joinByConfiguration(plan, signal);
      case 'speak':
        return this.#speak(plan, signal);
    }
  }

  /**
   * Handles a failed plan. After a refusal, the plan is tried again after a long pause, because a refusal can be
   * revoked; after an error of the disk, it is tried again after a minute. Any other error is a bug.
   */
  async #fail(plan: Plan, error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const address = this.#status.address;
    let pause = RECOVERY;
    if (error instanceof RefusedError) {
      this.#set({ state: 'refused', address, problem: error.message });
      const { retryAfter = REFUSED_PAUSE } = error;
      pause = Math.min(Math.max(retryAfter, LEAST_REFUSED_PAUSE), MOST_REFUSED_PAUSE);
      pause *= 1 + random() / 2;
    } else {
      if (getErrorCode(error) === undefined) throw error;
      this.#set({ state: 'unreachable', address, problem: messageOf(error) });
    }
    await clock.sleep(pause, signal);
    if (!signal.aborted) this.#plan = plan;
  }

  async #speak(plan: Plan & { kind: 'speak' }, signal: AbortSignal): Promise<Plan> {
    const { origin, record } = plan;
    if (this.#status.state !== 'refused') {
      this.#set({ state: 'joining', address: origin, problem: null });
    }
    const { Session } = await import('./session.ts');
    this.#session = new Session({
      ...this.#options,
      origin,
      record,
      epochs: this.#epochs,
      kept: plan.kept,
      onOutcome: ({ connected, origin: address, problem }) => {
        this.#set({ state: connected ? 'connected' : 'unreachable', address, problem });
      },
    });
    await this.#session.run(signal).finally(() => {
      this.#session = undefined;
    });
    return plan;
  }

  /** Joins with the token in the configuration; tries again until it succeeds or is refused. */
  async #joinByConfiguration(plan: Plan & { kind: 'join' }, signal: AbortSignal): Promise<Plan> {
    const { origin, token } = plan;
    const { clock, random } = this.#options;
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        const { plan: next } = await this.#keep(origin, await this.#enrol(origin, token, signal));
        return next;
      } catch (error) {
        const passes = error instanceof AgentError || error instanceof DiskError;
        if (!passes || error instanceof RefusedError) throw error;
        this.#set({ state: 'joining', address: origin, problem: error.message });
        await clock.sleep(computeBackOff(failures, random()), signal);
      }
    }
    return plan;
  }

  async #loadKey(): Promise<NodeKey> {
    this.#key ??= await loadKey(this.#options.folder, this.#options.log);
    return this.#key;
  }

  async #enrol(origin: string, token: JoinToken, signal: AbortSignal): Promise<Enrolment> {
    const { facts, agentVersion, clock, folder } = this.#options;
    const { joinControlPlane } = await import('./join.ts');
    const key = await this.#loadKey();
    // This check comes first, because `joinControlPlane` uses up the token.
    await expectWritable(joinPath(folder, MEMBERSHIP), ' '.repeat(LARGEST_RECORD));
    return joinControlPlane({
      origin,
      token,
      key,
      host: await ask('what this host is', () => facts.host()),
      hardware: await ask('which machine this is', () => facts.hardware()),
      managementAddress: await ask('the management address', () => facts.managementAddress()),
      agentVersion,
      now: clock.now(),
      signal,
    });
  }

  /** Records that the node has joined: first in the membership record, which is authoritative, then in `node.yaml`. */
  async #keep(origin: string, enrolment: Enrolment): Promise<Written> {
    const { folder, log, isPersistent } = this.#options;
    const persistent = await isPersistent();
    const configuredBefore = await readControlPlane(joinPath(folder, 'node.yaml'));
    const { credentials, kept, endpoints, trustBundleVersion } = enrolment;
    const record = {
      origin,
      credentials,
      configuredBefore,
      trustBundleVersion,
      endpoints: endpoints === undefined ? undefined : selectUsableEndpoints(endpoints),
    };
    await writeRecord(folder, record);
    await this.#tidyConfiguration(origin);
    const until = persistent ? '' : `, until the next reboot only: ${folder} is not on a disk`;
    log(`joined ${origin} as node ${credentials.key.nodeId}${until}`);
    return { plan: { kind: 'speak', origin, record, kept }, persistent };
  }

  /**
   * Writes the control plane to `node.yaml`, without the token. A failure is only logged, because the record is
   * authoritative.
   */
  async #tidyConfiguration(origin: string): Promise<void> {
    const { folder, log } = this.#options;
    try {
      await rememberControlPlane(joinPath(folder, 'node.yaml'), { controlPlane: origin });
    } catch (error) {
      if (!(error instanceof AgentError) && getErrorCode(error) === undefined) throw error;
      log(`node.yaml still says what it said before: ${messageOf(error)}`);
    }
  }

  #switchTo(plan: Plan): void {
    this.#plan = plan;
    this.#turn.abort();
  }

  /** Waits until there is another plan. */
  async #idle(signal: AbortSignal): Promise<Plan> {
    if (signal.aborted) return { kind: 'wait' };
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    return { kind: 'wait' };
  }

  #set(status: MembershipStatus): void {
    const { state, problem } = this.#status;
    this.#status = status;
    if (state === status.state && problem === status.problem) return;
    const why = status.problem === null ? '' : `: ${status.problem}`;
    this.#options.log(`control plane ${status.address ?? ''} ${status.state}${why}`);
  }

  readonly #report = (error: unknown): void => {
    this.#options.log(`control plane: ${messageOf(error)}`);
  };
}
