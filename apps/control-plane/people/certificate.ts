import { X509Certificate } from 'node:crypto';
import pLimit from 'p-limit';
import type { ShownCertificate } from '../../api/certificate.ts';
import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import type { Database } from '../database/database.ts';
import { enterAudit } from '../database/repositories/audit-log.ts';
import {
  type PeopleCertificateRow,
  readPeopleCertificate,
  removePeopleCertificate,
  setPeopleCertificate,
} from '../database/repositories/people-certificate.ts';
import {
  type Authority,
  fingerprintOf,
  isDue,
  type ServerCertificate,
} from '../trust/authority.ts';
import type { GivenCertificate } from '../trust/given-certificate.ts';
import type { Signature } from './accounts.ts';

/** What the server for people shows. */
export interface PresentCertificate extends ServerCertificate {
  /** As people see it. */
  readonly shown: ShownCertificate;
}

/** What it works with. */
export interface CertificateSources {
  readonly database: Database;
  readonly authority: Pick<Authority, 'serverCertificate'>;
  readonly now?: () => Date;
  readonly log: Logger;
}

/**
 * The certificate of the server for people: the one that was given and is kept in the database, or else one of the control
 * plane's own authority, which is made anew in time.
 */
export class PeopleCertificate {
  readonly #sources: CertificateSources;
  readonly #now: () => Date;
  /** One change at a time: what was read before another one is not shown after it. */
  readonly #turn = pLimit(1);
  #present: PresentCertificate | undefined;
  #change: (present: PresentCertificate) => void = () => undefined;

  constructor(sources: CertificateSources) {
    this.#sources = sources;
    this.#now = sources.now ?? (() => new Date());
  }

  /** Has a server told of each other certificate that is to be shown from then on; one server alone. */
  onChange(change: (present: PresentCertificate) => void): void {
    this.#change = change;
  }

  /** Looks which certificate is to be shown now. @throws if the database does not answer */
  look(): Promise<PresentCertificate> {
    return this.#turn(() => this.#look());
  }

  /**
   * Shows a given certificate from now on, and after each start. It is examined, and spoken with once, before anything changes.
   * @throws CertificateError if it cannot be shown: then the one before stays
   */
  replace(given: GivenCertificate, by: Signature): Promise<PresentCertificate> {
    return this.#turn(async () => {
      const { examineCertificate, proveCertificate } = await import(
        '../trust/given-certificate.ts'
      );
      const now = this.#now();
      const examined = examineCertificate(given, now.getTime());
      await proveCertificate(examined);
      const [own] = examined.certificates;
      const fingerprint = own === undefined ? '' : fingerprintOf(own);
      const kept = { chain: examined.chain, privateKey: examined.key };
      await this.#sources.database.db.transaction().execute(async (transaction) => {
        await setPeopleCertificate(transaction, { ...kept, setBy: by.username ?? '', setAt: now });
        await enterAudit(transaction, {
          ...{ ...by, action: 'certificate.set', resourceType: 'certificate' },
          details: { fingerprint, names: examined.names.join(', ') },
        });
      });
      return await this.#look();
    });
  }

  /** Shows one of the control plane's own authority again. */
  reset(by: Signature): Promise<PresentCertificate> {
    return this.#turn(async () => {
      await this.#sources.database.db.transaction().execute(async (transaction) => {
        if (!(await removePeopleCertificate(transaction))) return;
        const action = 'certificate.reset';
        await enterAudit(transaction, { ...by, action, resourceType: 'certificate' });
      });
      return await this.#look();
    });
  }

  async #look(): Promise<PresentCertificate> {
    const before = this.#present;
    const present = await this.#find();
    this.#present = present;
    if (before === undefined || before === present) return present;
    this.#sources.log.info(`people are shown another certificate: ${present.shown.fingerprint}`);
    this.#change(present);
    return present;
  }

  async #find(): Promise<PresentCertificate> {
    const { database, authority, log } = this.#sources;
    const present = this.#present;
    const kept = await readPeopleCertificate(database.db);
    if (kept !== undefined) {
      const isSame = present?.chain === kept.chain && present.key === kept.privateKey;
      if (present !== undefined && isSame) return present;
      try {
        return await presentOf(kept);
      } catch (error) {
        log.error(`the certificate that was given for people cannot be shown: ${messageOf(error)}`);
      }
    }
    const now = this.#now().getTime();
    const isGood = present?.shown.origin === 'own' && !isDue(present, now);
    return isGood ? present : await ownOf(await authority.serverCertificate());
  }
}

/** @throws if it cannot be read */
async function presentOf({
  chain,
  privateKey,
  setBy,
  setAt,
}: PeopleCertificateRow): Promise<PresentCertificate> {
  const { createSecureContext } = await import('node:tls');
  createSecureContext({ cert: chain, key: privateKey });
  const set = { setBy, setAt: setAt.toISOString() };
  return await describe({ chain, key: privateKey }, { origin: 'given', ...set });
}

const ownOf = (made: GivenCertificate) =>
  describe(made, { origin: 'own', setBy: null, setAt: null });

async function describe(
  { chain, key }: GivenCertificate,
  source: Pick<ShownCertificate, 'origin' | 'setBy' | 'setAt'>,
): Promise<PresentCertificate> {
  const { namesOf } = await import('../trust/given-certificate.ts');
  const own = new X509Certificate(chain);
  const { validFromDate: from, validToDate: to } = own;
  return {
    ...{ chain, key, validity: { from: from.getTime(), to: to.getTime() } },
    shown: {
      ...{ ...source, fingerprint: fingerprintOf(own), names: namesOf(own) },
      ...{ validFrom: from.toISOString(), validTo: to.toISOString() },
      certificates: chain.split('-----BEGIN CERTIFICATE-----').length - 1,
    },
  };
}
