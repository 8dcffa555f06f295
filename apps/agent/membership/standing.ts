import { join } from 'node:path';
import { messageOf } from '../../error.ts';
import { codeOf } from '../../process/code-of.ts';
import type {
  Endpoints,
  GetTrustBundleResponse,
} from '../../proto/gen/quantix/v1/node_service_pb.js';
import type { Clock } from '../../watch/clock.ts';
import { AgentError, RefusedError } from '../configuration/error.ts';
import { readControlPlane } from '../configuration/node-config.ts';
import type { Connection } from './connection/connection.ts';
import { explainFailure } from './connection/failure.ts';
import { certificateRequest } from './identity/certificate-request.ts';
import { parseCertificates } from './identity/chain.ts';
import {
  type Credentials,
  checkValidity,
  credentialsOf,
  isRenewalDue,
} from './identity/credentials.ts';
import { type MembershipRecord, usableEndpoints, writeRecord } from './identity/record.ts';

/** Milliseconds between two tries. */
const PAUSE = 3_600_000;

export interface StandingOptions {
  /** Where the record is kept. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/**
 * How a node stands with its control plane: its certificate, the authorities that it trusts, and where the control plane
 * answers. Each change is on the disk before it counts for anything else, or is told as a problem until it is.
 */
export class Standing {
  readonly #options: StandingOptions;
  #record: MembershipRecord;
  /** Where the LAN says that the control plane answers; only those that do are kept. */
  #hints: readonly string[] = [];
  /** As `Clock.elapsed`: when the next try to renew may be made. */
  #allowed = 0;
  /** Why the record is not on the disk; `null` if it is. */
  #problem: string | null = null;

  constructor(record: MembershipRecord, options: StandingOptions) {
    this.#record = record;
    this.#options = options;
  }

  /** What the operator should know; `null` for nothing. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Those that are shown now. */
  get credentials(): Credentials {
    return this.#record.credentials;
  }

  /** Versions of what is kept: authorities, and endpoints; 0 for what was never told. */
  get versions(): { trustBundleVersion: bigint; endpointsVersion: bigint } {
    const { trustBundleVersion = 0n, endpoints } = this.#record;
    return { trustBundleVersion, endpointsVersion: endpoints?.version ?? 0n };
  }

  /** Where the control plane may answer, in the order in which that is tried: first where it answered last. */
  get origins(): readonly string[] {
    const { origin, endpoints } = this.#record;
    return [...new Set([origin, ...(endpoints?.origins ?? []), ...this.#hints])];
  }

  /** SHA-256 of the authorities that are trusted, lower case hex. */
  get fingerprints(): string[] {
    const all = [...fingerprints(this.credentials)];
    return all.map((one) => one.replaceAll(':', '').toLowerCase());
  }

  /** Takes hints of where the control plane may answer, instead of those before. Trust stays with TLS. */
  hint(origins: readonly string[]): void {
    this.#hints = origins;
  }

  /** Whether nothing but a hint says that it answers there. */
  isHint(origin: string): boolean {
    const { origin: last, endpoints } = this.#record;
    return origin !== last && endpoints?.origins.includes(origin) !== true;
  }

  /** The control plane answered there. @returns whether that is another place than before */
  async reached(origin: string): Promise<boolean> {
    if (origin === this.#record.origin) return false;
    this.#options.log(
      `the control plane answers at ${origin}, no longer at ${this.#record.origin}`,
    );
    const configuredBefore = await readControlPlane(join(this.#options.folder, 'node.yaml'));
    await this.#keep({ origin, configuredBefore });
    return true;
  }

  /** Keeps a list of endpoints; one that is no newer, or names none that could be one, changes nothing. */
  async learn(endpoints: Endpoints | undefined): Promise<void> {
    if (endpoints === undefined || endpoints.version <= this.versions.endpointsVersion) return;
    const usable = usableEndpoints(endpoints);
    if (usable !== undefined) await this.#keep({ endpoints: usable });
  }

  /**
   * Asks for the authorities that are to be trusted, if their version is another one. A failure is logged, and the next
   * heartbeat tries again.
   * @param version as the control plane told it; 0 for nothing
   * @returns whether they are other ones now
   * @throws RefusedError if the control plane refuses this node
   */
  async trust(version: bigint, { client }: Connection, signal: AbortSignal): Promise<boolean> {
    const { log } = this.#options;
    if (version <= this.versions.trustBundleVersion) return false;
    return await this.#attempt('the trusted authorities could not be changed', signal, async () => {
      const answer = await client.getTrustBundle({}, { signal });
      const credentials = withAuthorities(this.credentials, answer);
      await this.#keep({ credentials, trustBundleVersion: answer.version });
      log(`trusts the authorities of version ${answer.version}`);
    });
  }

  /**
   * Asks for a new certificate if it is time. A failure is logged, and tried again an hour later. What could not be
   * written is written now.
   * @returns whether there are new credentials
   * @throws RefusedError if the control plane refuses this node
   */
  async renewIfDue(connection: Connection, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    if (this.#problem !== null) await this.#store();
    if (!isRenewalDue(this.credentials, clock.now()) || clock.elapsed() < this.#allowed) {
      return false;
    }
    this.#allowed = clock.elapsed() + PAUSE;
    return await this.#attempt('the certificate could not be renewed', signal, () =>
      this.renew(connection, signal),
    );
  }

  /**
   * Gets a new certificate, also in place of one that has expired.
   * @throws the error of the call; AgentError if what comes cannot be used
   */
  async renew({ client }: Connection, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const request = { certificateRequest: await certificateRequest(this.credentials.key) };
    const { certificateChain, caCertificates, trustBundleVersion } = await client.renewCertificate(
      request,
      { signal },
    );
    const { key } = this.credentials;
    const credentials = credentialsOf({ key, certificateChain, caCertificates, where: ANSWER });
    checkValidity(credentials, clock.now());
    expectSuccession(this.credentials, credentials);
    log(`certificate renewed until ${new Date(credentials.validTo).toISOString()}`);
    await this.#keep({ credentials, ...(trustBundleVersion === 0n ? {} : { trustBundleVersion }) });
  }

  async #attempt(what: string, signal: AbortSignal, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      signal.throwIfAborted();
      const failure = explainFailure(error, this.#record.origin);
      if (failure instanceof RefusedError) throw failure;
      this.#options.log(`${what}: ${failure.message}`);
      return false;
    }
  }

  async #keep(change: Partial<MembershipRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await this.#store();
  }

  /** Writes the record; until that succeeds the disk has the one before. */
  async #store(): Promise<void> {
    const { folder, log } = this.#options;
    try {
      await writeRecord(folder, this.#record);
      if (this.#problem !== null) log('what changed with the control plane is written');
      this.#problem = null;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      const problem = `what changed with the control plane (certificate, addresses) cannot be written: ${messageOf(error)}`;
      if (this.#problem === null) log(problem);
      this.#problem = problem;
    }
  }
}

/** Where certificates come from, for messages. */
const ANSWER = 'the control plane’s answer';

/** @throws AgentError if what is offered cannot be used, or no authority of it is trusted already */
function withAuthorities(
  credentials: Credentials,
  { caCertificates }: GetTrustBundleResponse,
): Credentials {
  const { key, certificateChain } = credentials;
  const changed = credentialsOf({ key, certificateChain, caCertificates, where: ANSWER });
  expectSuccession(credentials, changed);
  return changed;
}

/** @throws AgentError if no authority is trusted already */
function expectSuccession(before: Credentials, after: Credentials): void {
  if (!fingerprints(after).isDisjointFrom(fingerprints(before))) return;
  throw new AgentError({ what: 'the new CA is not among those trusted so far', where: ANSWER });
}

function fingerprints({ caCertificates }: Credentials): Set<string> {
  return new Set(parseCertificates(caCertificates, ANSWER).map((one) => one.fingerprint256));
}
