import { join } from 'node:path';
import { messageOf } from '../../error.ts';
import { getErrorCode } from '../../process/code-of.ts';
import type {
  Endpoints,
  GetTrustBundleResponse,
} from '../../proto/gen/quantix/v1/node_service_pb.js';
import type { Clock } from '../../watch/clock.ts';
import { AgentError, RefusedError } from '../configuration/error.ts';
import { readControlPlane } from '../configuration/node-config.ts';
import type { Connection } from './connection/connection.ts';
import { explainFailure } from './connection/failure.ts';
import { makeCertificateRequest } from './identity/certificate-request.ts';
import { parseCertificates } from './identity/chain.ts';
import {
  type Credentials,
  checkValidity,
  isRenewalDue,
  makeCredentials,
} from './identity/credentials.ts';
import { type MembershipRecord, selectUsableEndpoints, writeRecord } from './identity/record.ts';

/** Milliseconds between two attempts to renew the certificate. */
const PAUSE = 3_600_000;

export interface StandingOptions {
  /** Folder of the record. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/**
 * A node's certificate, the authorities that it trusts, and the addresses of its control plane. Each change is written
 * to the disk before it is used, or is reported as a problem until it is written.
 */
export class Standing {
  readonly #options: StandingOptions;
  #record: MembershipRecord;
  /** Addresses of the control plane according to the LAN; stored only after it answered there. */
  #hints: readonly string[] = [];
  /** Earliest time of the next attempt to renew the certificate, as `Clock.elapsed`. */
  #allowed = 0;
  /** Why the record is not on the disk; `null` if it is. */
  #problem: string | null = null;

  constructor(record: MembershipRecord, options: StandingOptions) {
    this.#record = record;
    this.#options = options;
  }

  /** Problem for the operator; `null` if there is none. */
  get problem(): string | null {
    return this.#problem;
  }

  /** The present credentials. */
  get credentials(): Credentials {
    return this.#record.credentials;
  }

  /** Versions of the stored authorities and endpoints; 0 if they were never received. */
  get versions(): { trustBundleVersion: bigint; endpointsVersion: bigint } {
    const { trustBundleVersion = 0n, endpoints } = this.#record;
    return { trustBundleVersion, endpointsVersion: endpoints?.version ?? 0n };
  }

  /** Possible addresses of the control plane, in the order in which they are tried: first that of its last answer. */
  get origins(): readonly string[] {
    const { origin, endpoints } = this.#record;
    return [...new Set([origin, ...(endpoints?.origins ?? []), ...this.#hints])];
  }

  /** SHA-256 of the trusted authorities, in lower-case hex. */
  get fingerprints(): string[] {
    const all = [...fingerprints(this.credentials)];
    return all.map((one) => one.replaceAll(':', '').toLowerCase());
  }

  /** Replaces the hints for addresses of the control plane. They do not affect trust, which is based on TLS. */
  hint(origins: readonly string[]): void {
    this.#hints = origins;
  }

  /** Returns whether an address is known from a hint only. */
  isHint(origin: string): boolean {
    const { origin: last, endpoints } = this.#record;
    return origin !== last && endpoints?.origins.includes(origin) !== true;
  }

  /** Records that the control plane answered at an address. @returns whether the address is new */
  async reached(origin: string): Promise<boolean> {
    if (origin === this.#record.origin) return false;
    this.#options.log(
      `the control plane answers at ${origin}, no longer at ${this.#record.origin}`,
    );
    const configuredBefore = await readControlPlane(join(this.#options.folder, 'node.yaml'));
    await this.#keep({ origin, configuredBefore });
    return true;
  }

  /** Stores a list of endpoints; ignores one that is not newer, or has no usable endpoint. */
  async learn(endpoints: Endpoints | undefined): Promise<void> {
    if (endpoints === undefined || endpoints.version <= this.versions.endpointsVersion) return;
    const usable = selectUsableEndpoints(endpoints);
    if (usable !== undefined) await this.#keep({ endpoints: usable });
  }

  /**
   * Requests the trusted authorities if their version is newer than the stored one. A failure is logged, and the next
   * heartbeat tries again.
   * @param version from the control plane; 0 if unknown
   * @returns whether they have changed
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
   * Requests a new certificate if it is due. A failure is logged, and the request is repeated an hour later. Also
   * writes a record that could not be written before.
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
   * Requests a new certificate, even if the present one has expired.
   * @throws the error of the call; AgentError if the answer is unusable
   */
  async renew({ client }: Connection, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const request = { certificateRequest: await makeCertificateRequest(this.credentials.key) };
    const { certificateChain, caCertificates, trustBundleVersion } = await client.renewCertificate(
      request,
      { signal },
    );
    const { key } = this.credentials;
    const credentials = makeCredentials({ key, certificateChain, caCertificates, where: ANSWER });
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

  /** Writes the record; until that succeeds, the disk has the previous one. */
  async #store(): Promise<void> {
    const { folder, log } = this.#options;
    try {
      await writeRecord(folder, this.#record);
      if (this.#problem !== null) log('the changed control plane settings are written');
      this.#problem = null;
    } catch (error) {
      if (getErrorCode(error) === undefined) throw error;
      const problem = `the changed control plane settings (certificate, addresses) cannot be written: ${messageOf(error)}`;
      if (this.#problem === null) log(problem);
      this.#problem = problem;
    }
  }
}

/** Source of certificates, for messages. */
const ANSWER = 'the control plane’s answer';

/**
 * Returns credentials with new authorities. @throws AgentError if they are unusable, or none of them is trusted already
 */
function withAuthorities(
  credentials: Credentials,
  { caCertificates }: GetTrustBundleResponse,
): Credentials {
  const { key, certificateChain } = credentials;
  const changed = makeCredentials({ key, certificateChain, caCertificates, where: ANSWER });
  expectSuccession(credentials, changed);
  return changed;
}

/** Checks that one of the authorities is trusted already. @throws AgentError if not */
function expectSuccession(before: Credentials, after: Credentials): void {
  if (!fingerprints(after).isDisjointFrom(fingerprints(before))) return;
  throw new AgentError({ what: 'the new CA is not among those trusted so far', where: ANSWER });
}

function fingerprints({ caCertificates }: Credentials): Set<string> {
  return new Set(parseCertificates(caCertificates, ANSWER).map((one) => one.fingerprint256));
}
