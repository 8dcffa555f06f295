import { messageOf } from '../../error.ts';
import { codeOf } from '../../process/code-of.ts';
import type { Clock } from '../../watch/clock.ts';
import { AgentError, RefusedError } from '../configuration/error.ts';
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
import { type MembershipRecord, writeRecord } from './identity/record.ts';

/** Milliseconds between two tries. */
const PAUSE = 3_600_000;

export interface RenewalOptions {
  /** The control plane's address, for messages. */
  readonly origin: string;
  /** Where the record is kept. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/** Keeps the credentials of a node from running out. */
export class Renewal {
  readonly #options: RenewalOptions;
  #record: MembershipRecord;
  /** As `Clock.elapsed`: when the next try may be made. */
  #allowed = 0;
  /** Why the credentials are not on the disk; `null` if they are. */
  #problem: string | null = null;

  constructor(record: MembershipRecord, options: RenewalOptions) {
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

  /**
   * Asks for a new certificate if it is time. A failure is logged, and tried again an hour later. One that could not be
   * written is written now.
   * @returns whether there are new credentials
   * @throws RefusedError if the control plane refuses this node
   */
  async renewIfDue({ client }: Connection, signal: AbortSignal): Promise<boolean> {
    const { origin, clock, log } = this.#options;
    if (this.#problem !== null) await this.#store();
    const now = clock.now();
    if (!isRenewalDue(this.credentials, now) || clock.elapsed() < this.#allowed) return false;
    this.#allowed = clock.elapsed() + PAUSE;
    try {
      const request = { certificateRequest: await certificateRequest(this.credentials.key) };
      const answer = await client.renewCertificate(request, { signal });
      const credentials = successor(this.credentials, { ...answer, origin, now });
      this.#record = { ...this.#record, credentials };
    } catch (error) {
      signal.throwIfAborted();
      const failure = explainFailure(error, origin);
      if (failure instanceof RefusedError) throw failure;
      log(`the certificate could not be renewed: ${failure.message}`);
      return false;
    }
    log(`certificate renewed until ${new Date(this.credentials.validTo).toISOString()}`);
    await this.#store();
    return true;
  }

  /** Writes the credentials; until that succeeds the disk has the ones before, which end sooner. */
  async #store(): Promise<void> {
    const { folder, log } = this.#options;
    try {
      await writeRecord(folder, this.#record);
      if (this.#problem !== null) log('the renewed certificate is written');
      this.#problem = null;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      const problem = `the renewed certificate cannot be written: ${messageOf(error)}`;
      if (this.#problem === null) log(problem);
      this.#problem = problem;
    }
  }
}

interface Offer {
  readonly certificateChain: string;
  readonly caCertificates: string;
  readonly origin: string;
  readonly now: number;
}

/** @throws AgentError if what is offered cannot be used, or no CA of it is trusted already */
function successor(credentials: Credentials, { origin, now, ...offer }: Offer): Credentials {
  const { certificateChain, caCertificates } = offer;
  const { key } = credentials;
  const renewed = credentialsOf({ key, certificateChain, caCertificates, where: origin });
  checkValidity(renewed, now);
  const trusted = fingerprints(credentials, origin);
  if (fingerprints(renewed, origin).isDisjointFrom(trusted)) {
    throw new AgentError({ what: 'the new CA is not among those trusted so far', where: origin });
  }
  return renewed;
}

function fingerprints({ caCertificates }: Credentials, where: string): Set<string> {
  return new Set(parseCertificates(caCertificates, where).map((one) => one.fingerprint256));
}
