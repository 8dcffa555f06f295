import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Transaction } from 'kysely';
import pLimit from 'p-limit';
import type { CertificateOrderRequest, ShownCertificate } from '../../api/certificate.ts';
import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { obtainCertificate } from '../acme/obtain.ts';
import type { Database } from '../database/database.ts';
import { raiseAlert, resolveAlertOf } from '../database/repositories/alerts.ts';
import { enterAudit } from '../database/repositories/audit-log.ts';
import {
  type CertificateOrderRow,
  type PeopleCertificateRow,
  readCertificateOrder,
  readPeopleCertificate,
  removePeopleCertificate,
  setPeopleCertificate,
} from '../database/repositories/people-certificate.ts';
import type { DB } from '../database/schema.ts';
import { LEAST_DAYS } from '../health/findings.ts';
import {
  type Authority,
  computeFingerprint,
  isDue,
  type ServerCertificate,
} from '../trust/authority.ts';
import {
  CertificateError,
  type ExaminedCertificate,
  examineCertificate,
  type GivenCertificate,
  listNames,
  proveCertificate,
} from '../trust/given-certificate.ts';
import type { Signature } from './accounts.ts';

const DAY = 86_400_000;

/** Source and titles of the alerts about a certificate: before and after its end, if it cannot be loaded or renewed. */
const SOURCE = { sourceType: 'CONTROL_PLANE', sourceName: 'certificate' } as const;
const ENDS_SOON = { ...SOURCE, title: 'The certificate for people ends soon' };
const HAS_ENDED = { ...SOURCE, title: 'The certificate for people has ended' };
const UNUSABLE = { ...SOURCE, title: 'The certificate for people cannot be used' };
const NOT_RENEWED = { ...SOURCE, title: 'The certificate for people cannot be renewed' };

/** Milliseconds from a failed renewal to the next attempt: authorities refuse clients that try too often. */
const RENEW_AGAIN_AFTER = 60 * 60_000;

/** The certificate of the server for people. */
export interface PresentCertificate extends ServerCertificate {
  /** Its description for people. */
  readonly shown: ShownCertificate;
}

/** Dependencies of `PeopleCertificate`. */
export interface CertificateSources {
  readonly database: Database;
  readonly authority: Pick<Authority, 'serverCertificate'>;
  readonly now?: () => Date;
  readonly log: Logger;
  /** Ends orders that are under way. */
  readonly signal: AbortSignal;
}

/**
 * Manages the certificate of the server for people: the one stored in the database, which was given or ordered by ACME,
 * or else one that the control plane's own authority issues. All but given certificates are renewed in time.
 */
export class PeopleCertificate {
  readonly #sources: CertificateSources;
  readonly #now: () => Date;
  /** One change at a time: an outdated read must not replace a later change. */
  readonly #turn = pLimit(1);
  /** One order at a time; the certificate can be changed meanwhile. */
  readonly #orders = pLimit(1);
  /** Name → TLS context with the certificate of its challenge, while an authority tests who serves the name. */
  readonly #challenges = new Map<string, SecureContext>();
  /** Time before which no renewal is tried. */
  #renewAfter = 0;
  #present: PresentCertificate | undefined;
  /** Why the stored certificate cannot be used. */
  #unusable: string | undefined;
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
      const examined = examineCertificate(given, this.#now().getTime());
      await proveCertificate(examined);
      await this.#sources.database.db.transaction().execute(async (transaction) => {
        const signed = { ...by, action: 'certificate.set' };
        await this.#keep(transaction, examined, undefined, signed);
      });
      return await this.#look();
    });
  }

  /**
   * Orders a certificate from an authority (ACME), and uses it from now on; `renew` renews it.
   * @throws CertificateError if the authority issues none that can be used; the previous one stays then
   */
  order(wanted: Omit<CertificateOrderRequest, 'by'>, by: Signature): Promise<PresentCertificate> {
    return this.#orders(async () => {
      const kept = await readCertificateOrder(this.#sources.database.db);
      // The account is kept as long as the authority is the same.
      const isSame = kept?.directory === wanted.directory;
      const order = { ...wanted, accountKey: isSame ? kept.accountKey : accountKey() };
      const examined = await this.#obtain(order);
      return await this.#turn(async () => {
        const { db } = this.#sources.database;
        await db.transaction().execute(async (transaction) => {
          await this.#keep(transaction, examined, order, { ...by, action: 'certificate.order' });
        });
        return await this.#look();
      });
    });
  }

  /**
   * Renews an ordered certificate if it is due. After a failure, the present one stays, an alert is raised, and the
   * renewal is tried again after an hour.
   * @throws if the database does not answer
   */
  renew(): Promise<void> {
    return this.#orders(async () => {
      const { database, log, signal } = this.#sources;
      const present = this.#present;
      const now = this.#now().getTime();
      if (present === undefined || !isRenewalDue(present, now) || now < this.#renewAfter) return;
      const order = await readCertificateOrder(database.db);
      if (order === undefined) return;
      try {
        const examined = await this.#obtain(order);
        await this.#turn(async () => {
          await database.db.transaction().execute(async (transaction) => {
            const kept = await readCertificateOrder(transaction);
            // Somebody else changed the certificate meanwhile.
            if (kept?.accountKey !== order.accountKey) return;
            await this.#keep(transaction, examined, order, { action: 'certificate.renew' });
          });
          await this.#look();
        });
        this.#renewAfter = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#renewAfter = now + RENEW_AGAIN_AFTER;
        const why = messageOf(error);
        log.warning(`the certificate for people is not renewed: ${why}`);
        await raiseAlert(database.db, { ...NOT_RENEWED, severity: 'WARNING', message: why });
      }
    });
  }

  /** Returns the TLS context of a name's challenge; undefined while no authority is asked to test who serves it. */
  challengeOf(name: string): SecureContext | undefined {
    return this.#challenges.get(name.toLowerCase());
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

  /** Obtains a certificate for an order. @throws CertificateError if the authority issues none that can be used */
  async #obtain(order: CertificateOrderRow): Promise<ExaminedCertificate> {
    const given = await obtainCertificate({
      ...{ ...order, signal: this.#sources.signal },
      show: (name, { chain, key }) => {
        this.#challenges.set(name, createSecureContext({ cert: chain, key }));
        return () => void this.#challenges.delete(name);
      },
    });
    const examined = examineCertificate(given, this.#now().getTime());
    const missing = order.names.find((name) => !examined.names.includes(name));
    if (missing !== undefined) {
      const names = examined.names.join(', ');
      throw new CertificateError({
        what: `the certificate authority gave a certificate for ${names}, and not for ${missing}`,
        where: order.directory,
      });
    }
    await proveCertificate(examined);
    return examined;
  }

  /** Stores a certificate, and who changed it. */
  async #keep(
    transaction: Transaction<DB>,
    { chain, key, certificates, names }: ExaminedCertificate,
    order: CertificateOrderRow | undefined,
    by: Signature & { action: string },
  ): Promise<void> {
    const [own] = certificates;
    const fingerprint = own === undefined ? '' : computeFingerprint(own);
    // Nobody requests a renewal: the name of the person who ordered the certificate stays.
    const setBy = by.username ?? this.#present?.shown.setBy ?? '';
    const row = { chain, privateKey: key, setBy, setAt: this.#now() };
    await setPeopleCertificate(transaction, row, order);
    await enterAudit(transaction, {
      ...{ ...by, resourceType: 'certificate' },
      details: {
        ...{ fingerprint, names: names.join(', ') },
        ...(order === undefined ? {} : { directory: order.directory }),
      },
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
    // This comes last: its failure must not prevent the use of the certificate.
    await this.#updateExpiryAlert(present);
    await this.#tellUnusable();
    return present;
  }

  /**
   * Raises the alert about the end of a certificate that is not the control plane's own, or resolves it; an alert that
   * is open already is not raised again. Also resolves the alert about a failed renewal, which `renew` raises, once no
   * renewal is due.
   */
  async #updateExpiryAlert(present: PresentCertificate): Promise<void> {
    const { shown, validity } = present;
    const { db } = this.#sources.database;
    const now = this.#now();
    const days = Math.floor((validity.to - now.getTime()) / DAY);
    const { origin } = shown;
    const isEnding = origin !== 'own' && days < LEAST_DAYS[origin];
    const wanted = !isEnding ? undefined : days < 0 ? HAS_ENDED : ENDS_SOON;
    if (!isRenewalDue(present, now.getTime())) await resolveAlertOf(db, NOT_RENEWED, now);
    for (const one of [ENDS_SOON, HAS_ENDED]) {
      if (one !== wanted) await resolveAlertOf(db, one, now);
    }
    if (wanted === undefined) return;
    const end = `${shown.names.join(', ')}, until ${shown.validTo}`;
    const fix =
      origin === 'acme'
        ? 'qx-controlplane alerts list shows why it was not renewed.'
        : 'Renew it, then qx-controlplane certificate set; or certificate reset.';
    await raiseAlert(db, {
      ...wanted,
      severity: wanted === HAS_ENDED ? 'CRITICAL' : 'WARNING',
      message: `${end}. ${fix}`,
    });
  }

  /** Raises the alert about a stored certificate that cannot be used, or resolves it. */
  async #tellUnusable(): Promise<void> {
    const { db } = this.#sources.database;
    if (this.#unusable === undefined) return await resolveAlertOf(db, UNUSABLE, this.#now());
    const fix = 'Set it again: qx-controlplane certificate set; or certificate reset.';
    const message = `people are shown one of the control plane’s own authority instead: ${this.#unusable}. ${fix}`;
    await raiseAlert(db, { ...UNUSABLE, severity: 'CRITICAL', message });
  }

  /** Returns the present certificate, and notes whether the stored one is unusable. */
  async #find(): Promise<PresentCertificate> {
    const { database, authority, log } = this.#sources;
    const present = this.#present;
    const kept = await readPeopleCertificate(database.db);
    const unusable = this.#unusable;
    this.#unusable = undefined;
    if (kept !== undefined) {
      const order = await readCertificateOrder(database.db);
      const isSame =
        present?.chain === kept.chain &&
        present.key === kept.privateKey &&
        present.shown.directory === (order?.directory ?? null);
      if (isSame) return present;
      try {
        return presentOf(kept, order);
      } catch (error) {
        this.#unusable = messageOf(error);
        if (this.#unusable !== unusable) {
          log.error(`the certificate that was given for people cannot be shown: ${this.#unusable}`);
        }
      }
    }
    const now = this.#now().getTime();
    const isGood = present?.shown.origin === 'own' && !isDue(present, now);
    return isGood ? present : ownOf(await authority.serverCertificate());
  }
}

/** Loads a stored certificate. @throws if it is invalid */
function presentOf(
  { chain, privateKey, setBy, setAt }: PeopleCertificateRow,
  order: CertificateOrderRow | undefined,
): PresentCertificate {
  createSecureContext({ cert: chain, key: privateKey });
  return describe(
    { chain, key: privateKey },
    {
      origin: order === undefined ? 'given' : 'acme',
      ...{ setBy, setAt: setAt.toISOString(), directory: order?.directory ?? null },
    },
  );
}

const ownOf = (made: GivenCertificate) =>
  describe(made, { origin: 'own', setBy: null, setAt: null, directory: null });

/** Whether a certificate was ordered, and has to be renewed. */
function isRenewalDue(present: PresentCertificate, now: number): boolean {
  return present.shown.origin === 'acme' && isDue(present, now);
}

/** Creates the key of an account: ECDSA on P-256. @returns PEM of PKCS #8 */
function accountKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

function describe(
  { chain, key }: GivenCertificate,
  source: Pick<ShownCertificate, 'origin' | 'setBy' | 'setAt' | 'directory'>,
): PresentCertificate {
  const own = new X509Certificate(chain);
  const { validFromDate: from, validToDate: to } = own;
  return {
    ...{ chain, key, validity: { from: from.getTime(), to: to.getTime() } },
    shown: {
      ...{ ...source, fingerprint: computeFingerprint(own), names: listNames(own) },
      ...{ validFrom: from.toISOString(), validTo: to.toISOString() },
      certificates: chain.split('-----BEGIN CERTIFICATE-----').length - 1,
    },
  };
}
