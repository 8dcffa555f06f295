import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import pLimit from 'p-limit';
import type { ShownCertificate } from '../../api/certificate.ts';
import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import type { Database } from '../database/database.ts';
import { raiseAlert, resolveAlertOf } from '../database/repositories/alerts.ts';
import { enterAudit } from '../database/repositories/audit-log.ts';
import {
  type PeopleCertificateRow,
  readPeopleCertificate,
  removePeopleCertificate,
  setPeopleCertificate,
} from '../database/repositories/people-certificate.ts';
import { LEAST_DAYS } from '../health/findings.ts';
import {
  type Authority,
  fingerprintOf,
  isDue,
  type ServerCertificate,
} from '../trust/authority.ts';
import {
  examineCertificate,
  type GivenCertificate,
  namesOf,
  proveCertificate,
} from '../trust/given-certificate.ts';
import type { Signature } from './accounts.ts';

const DAY = 86_400_000;

/** Identifies the alerts about a given certificate: one before its end, and one after. */
const SOURCE = { sourceType: 'CONTROL_PLANE', sourceName: 'certificate' } as const;
const ENDS_SOON = { ...SOURCE, title: 'The certificate for people ends soon' };
const HAS_ENDED = { ...SOURCE, title: 'The certificate for people has ended' };

/** The certificate of the server for people. */
export interface PresentCertificate extends ServerCertificate {
  /** Its description for people. */
  readonly shown: ShownCertificate;
}

/** What the certificate's management uses. */
export interface CertificateSources {
  readonly database: Database;
  readonly authority: Pick<Authority, 'serverCertificate'>;
  readonly now?: () => Date;
  readonly log: Logger;
}

/**
 * Manages the certificate of the server for people: the given one that is stored in the database, or else one of the
 * control plane's own authority, which is renewed in time.
 */
export class PeopleCertificate {
  readonly #sources: CertificateSources;
  readonly #now: () => Date;
  /** One change at a time: an outdated read must not replace a later change. */
  readonly #turn = pLimit(1);
  #present: PresentCertificate | undefined;
  #change: (present: PresentCertificate) => void = () => undefined;

  constructor(sources: CertificateSources) {
    this.#sources = sources;
    this.#now = sources.now ?? (() => new Date());
  }

  /** Sets the callback for changes of the certificate; there is only one. */
  onChange(change: (present: PresentCertificate) => void): void {
    this.#change = change;
  }

  /** Determines the certificate to use now. @throws if the database does not answer */
  look(): Promise<PresentCertificate> {
    return this.#turn(() => this.#look());
  }

  /**
   * Uses a given certificate from now on, and after each start. It is checked, and tried in one TLS connection, before
   * anything changes.
   * @throws CertificateError if it cannot be used: the previous one stays
   */
  replace(given: GivenCertificate, by: Signature): Promise<PresentCertificate> {
    return this.#turn(async () => {
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

  /** Uses a certificate of the control plane's own authority again. */
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
    if (before !== undefined && before !== present) {
      this.#sources.log.info(`people are shown another certificate: ${present.shown.fingerprint}`);
      this.#change(present);
    }
    // Last: a failure here must not keep the certificate from being used.
    await this.#tellEnd(present);
    return present;
  }

  /** Raises the alert about the end of a given certificate, or resolves it; an alert that is open already is not told again. */
  async #tellEnd({ shown, validity }: PresentCertificate): Promise<void> {
    const { db } = this.#sources.database;
    const now = this.#now();
    const days = Math.floor((validity.to - now.getTime()) / DAY);
    const isGiven = shown.origin === 'given';
    const wanted =
      !isGiven || days >= LEAST_DAYS.given ? undefined : days < 0 ? HAS_ENDED : ENDS_SOON;
    for (const one of [ENDS_SOON, HAS_ENDED]) {
      if (one !== wanted) await resolveAlertOf(db, one, now);
    }
    if (wanted === undefined) return;
    const end = `${shown.names.join(', ')}, until ${shown.validTo}`;
    const fix = 'Renew it, then qx-controlplane certificate set; or certificate reset.';
    await raiseAlert(db, {
      ...wanted,
      severity: wanted === HAS_ENDED ? 'CRITICAL' : 'WARNING',
      message: `${end}. ${fix}`,
    });
  }

  async #find(): Promise<PresentCertificate> {
    const { database, authority, log } = this.#sources;
    const present = this.#present;
    const kept = await readPeopleCertificate(database.db);
    if (kept !== undefined) {
      const isSame = present?.chain === kept.chain && present.key === kept.privateKey;
      if (present !== undefined && isSame) return present;
      try {
        return presentOf(kept);
      } catch (error) {
        log.error(`the certificate that was given for people cannot be shown: ${messageOf(error)}`);
      }
    }
    const now = this.#now().getTime();
    const isGood = present?.shown.origin === 'own' && !isDue(present, now);
    return isGood ? present : ownOf(await authority.serverCertificate());
  }
}

/** Loads a stored certificate. @throws if it is invalid */
function presentOf({ chain, privateKey, setBy, setAt }: PeopleCertificateRow): PresentCertificate {
  createSecureContext({ cert: chain, key: privateKey });
  const set = { setBy, setAt: setAt.toISOString() };
  return describe({ chain, key: privateKey }, { origin: 'given', ...set });
}

const ownOf = (made: GivenCertificate) =>
  describe(made, { origin: 'own', setBy: null, setAt: null });

function describe(
  { chain, key }: GivenCertificate,
  source: Pick<ShownCertificate, 'origin' | 'setBy' | 'setAt'>,
): PresentCertificate {
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
