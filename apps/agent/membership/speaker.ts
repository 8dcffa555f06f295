import type { AssignedPools } from '../../proto/gen/quantix/v1/storage_pb.js';
import { RefusedError } from '../configuration/error.ts';
import { ClockWatch } from './connection/clock-watch.ts';
import { type Connection, openConnection } from './connection/connection.ts';
import { explainFailure } from './connection/failure.ts';
import { ask, type Surroundings, textOf } from './facts.ts';
import {
  type Credentials,
  checkValidity,
  isRenewalDue,
  storeCredentials,
} from './identity/credentials.ts';
import { renew } from './renew.ts';
import { Lookout } from './reporting/lookout.ts';
import type { Letter } from './reporting/outbox.ts';
import { Reported } from './reporting/reported.ts';
import {
  fullStateParts,
  heartbeatRequest,
  storageChangeRequest,
  vmChangeRequest,
} from './reporting/requests.ts';

export interface Speech {
  /** `https://host:port`. */
  readonly origin: string;
  readonly credentials: Credentials;
  /** Where renewed credentials are kept. */
  readonly folder: string;
  /** See `identity/epoch.ts`. */
  readonly epoch: bigint;
  readonly surroundings: Surroundings;
}

/** Milliseconds between heartbeats until the control plane says otherwise. */
const INTERVAL = 30_000;
/** Seconds: what the control plane may ask for. */
const LONGEST_INTERVAL = 3600;
/** Milliseconds between two tries to renew the certificate. */
const RENEWAL_PAUSE = 3_600_000;

/** Says to the control plane what is to be said next, one call at a time. */
export class Speaker {
  readonly #speech: Speech;
  readonly #surroundings: Surroundings;
  readonly #reported: Reported;
  readonly #lookout: Lookout;
  readonly #clockWatch: ClockWatch;
  #credentials: Credentials;
  #connection: Connection;
  #interval = INTERVAL;
  #heartbeatDue = 0;
  #renewalAllowed = 0;
  #toldAddress: string | null | undefined;

  constructor(speech: Speech) {
    this.#speech = speech;
    this.#surroundings = speech.surroundings;
    this.#reported = new Reported(speech.epoch);
    this.#lookout = new Lookout(speech.surroundings);
    this.#clockWatch = new ClockWatch(speech.surroundings.log);
    this.#credentials = speech.credentials;
    this.#connection = this.#connect();
  }

  /** The address that the call under way or the last one told; `undefined` if it failed, or none was made. */
  get toldAddress(): string | null | undefined {
    return this.#toldAddress;
  }

  /** Whether there is something to say before the next heartbeat. */
  hasNews(): boolean {
    return this.#reported.fullNeeded || this.#reported.nextChange() !== undefined;
  }

  /** Milliseconds until the next heartbeat. */
  untilHeartbeat(): number {
    const left = this.#heartbeatDue - this.#surroundings.clock.now();
    // A clock that was set back must not silence the node.
    return Math.max(0, Math.min(left, this.#interval));
  }

  /** Makes the next call a heartbeat, or a full state if that is due. */
  heartbeatNow(): void {
    this.#heartbeatDue = 0;
  }

  /** Ends the connection; the next call makes a new one. */
  drop(): void {
    this.#connection.drop();
  }

  /** Looks at the host; what changed waits to be said. */
  async look(): Promise<void> {
    const observation = await this.#lookout.look();
    this.#reported.observe(observation, this.#surroundings.clock.now());
  }

  /**
   * Makes the call that is due, if one is.
   * @returns whether one was
   * @throws the error of the call; a ControlError if the certificate is not valid now
   */
  async speak(signal: AbortSignal): Promise<boolean> {
    checkValidity(this.#credentials, this.#surroundings.clock.now());
    const letter = this.#reported.nextChange();
    if (this.#reported.fullNeeded) await this.#tellAddress(() => this.#syncFullState(signal));
    else if (this.untilHeartbeat() === 0) await this.#tellAddress(() => this.#heartbeat(signal));
    else if (letter !== undefined) await this.#notify(letter, signal);
    else return false;
    return true;
  }

  async #syncFullState(signal: AbortSignal): Promise<void> {
    const { facts, agentVersion, clock } = this.#surroundings;
    const observation = await this.#lookout.look();
    const host = await ask('what this host is', () => facts.host());
    const position = this.#reported.nextPosition();
    this.#reported.beginFull(observation);
    const managementAddress = await this.#detectAddress();
    const answer = await this.#connection.client.syncFullState(
      fullStateParts({ position, managementAddress, host, agentVersion, observation }),
      { signal },
    );
    this.#reported.endFull(position);
    this.#clockWatch.compare(answer.serverTime, clock.now());
    this.#obey(answer.heartbeatIntervalSeconds);
    await this.#assign(answer.assignedPools);
  }

  async #heartbeat(signal: AbortSignal): Promise<void> {
    const { facts, clock } = this.#surroundings;
    const began = clock.now();
    const host = await ask('what this host is', () => facts.host());
    const { acknowledged } = this.#reported;
    const managementAddress = await this.#detectAddress();
    const answer = await this.#connection.client.heartbeat(
      heartbeatRequest({
        position: this.#reported.nextPosition(),
        managementAddress,
        host,
        observation: this.#lookout.latest,
        acknowledged,
      }),
      { signal },
    );
    this.#obey(answer.heartbeatIntervalSeconds);
    this.#heartbeatDue = began + this.#interval;
    this.#clockWatch.compare(answer.serverTime, clock.now());
    if (answer.requestFullSync || differ(acknowledged.stateHash, answer.stateHash)) {
      this.#surroundings.log('the control plane’s record of this host differs: sending all of it');
      this.#reported.requireFull();
    }
    await this.#assign(answer.assignedPools);
    await this.#renewIfDue(signal);
    await this.look();
  }

  async #notify(letter: Letter, signal: AbortSignal): Promise<void> {
    const { client } = this.#connection;
    const { change } = letter;
    const position = this.#reported.positionOf(letter);
    const answer =
      change.kind === 'vm'
        ? await client.notifyVMChange(vmChangeRequest(change, position, letter), { signal })
        : await client.notifyStorageChange(storageChangeRequest(change, position, letter), {
            signal,
          });
    if (answer.requestFullSync) this.#reported.requireFull();
    else this.#reported.acknowledge(letter);
  }

  async #detectAddress(): Promise<string | null> {
    const address = await ask('the management address', () =>
      this.#surroundings.facts.managementAddress(),
    );
    this.#toldAddress = address;
    return address;
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
    if (assigned === undefined) return;
    try {
      await this.#surroundings.onAssignedPools?.(assigned.pools);
    } catch (error) {
      this.#surroundings.log(`the assigned storage pools cannot be set up: ${textOf(error)}`);
    }
  }

  async #renewIfDue(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#surroundings;
    const now = clock.now();
    if (!isRenewalDue(this.#credentials, now) || now < this.#renewalAllowed) return;
    this.#renewalAllowed = now + RENEWAL_PAUSE;
    const { origin, folder } = this.#speech;
    const [connection, credentials] = [this.#connection, this.#credentials];
    try {
      this.#credentials = await renew({ connection, credentials, origin, now, signal });
    } catch (error) {
      signal.throwIfAborted();
      const failure = explainFailure(error, origin);
      if (failure instanceof RefusedError) throw failure;
      log(`the certificate could not be renewed: ${failure.message}`);
      return;
    }
    this.#connection = this.#connect();
    connection.drop();
    log(`certificate renewed until ${new Date(this.#credentials.validTo).toISOString()}`);
    await storeCredentials(folder, this.#credentials);
  }

  #connect(): Connection {
    const { origin } = this.#speech;
    const { caCertificates } = this.#credentials;
    return openConnection({ origin, caCertificates, credentials: this.#credentials });
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
