import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod';
import type { GivenCertificate } from '../trust/given-certificate.ts';
import { AcmeAccount, describeProblem, problemSchema, read, readLocation } from './account.ts';
import { AcmeError, quoteText } from './error.ts';
import type { AcmeAnswer, AcmeServer } from './exchange.ts';

/** The protocol that an authority asks for when it tests who serves a name (RFC 8737). */
export const ACME_PROTOCOL = 'acme-tls/1';

/**
 * Milliseconds for a whole order, and the shortest and the longest pause between two checks of it; the authority may
 * request a pause between these.
 */
const ORDER_WITHIN = 120_000;
const LOOK_EVERY = 1_000;
const LOOK_AT_LEAST_EVERY = 10_000;

const address = z.string().max(2048);
const MOST = 100;

/** Schema of an order (RFC 8555, 7.1.3). */
export const orderSchema = z.object({
  status: z.string(),
  authorizations: z.array(address).max(MOST),
  finalize: address,
  certificate: address.optional(),
  error: problemSchema.optional(),
});

const challengeSchema = z.object({
  type: z.string(),
  url: address,
  token: z.string().optional(),
  error: problemSchema.optional(),
});

/** Schema of an authorization (RFC 8555, 7.1.4). */
export const authorizationSchema = z.object({
  status: z.string(),
  identifier: z.object({ value: z.string() }),
  challenges: z.array(challengeSchema).max(MOST),
});

/** A token of a challenge (RFC 8555, 8.3). */
const TOKEN = /^[A-Za-z0-9_-]{1,512}$/;

/** Shows a certificate to clients that ask for a name by `acme-tls/1`. @returns a function that ends this */
export type ShowChallenge = (name: string, made: GivenCertificate) => () => void;

/** What an order needs. */
export interface AcmeOrder extends AcmeServer {
  /** Names that the certificate is for. */
  readonly names: readonly string[];
  /** Mail address for the authority's own messages; may be empty. */
  readonly contact: string;
  /** The account's key: ECDSA on P-256, in PEM. */
  readonly accountKey: string;
  readonly show: ShowChallenge;
  readonly signal: AbortSignal;
}

/**
 * Obtains a certificate for names of this machine from a certificate authority (ACME, RFC 8555), which connects to port
 * 443 of each name to test who serves it (tls-alpn-01, RFC 8737).
 * @returns a new key, and the certificate chain as the authority sent it, unchecked
 * @throws AcmeError with the reason if the authority issues none within two minutes
 */
export async function obtainCertificate(order: AcmeOrder): Promise<GivenCertificate> {
  const limit = AbortSignal.timeout(ORDER_WITHIN);
  const signal = AbortSignal.any([order.signal, limit]);
  try {
    return await obtain(order, signal);
  } catch (cause) {
    if (!limit.aborted || order.signal.aborted) throw cause;
    throw new AcmeError({
      what: `the certificate authority did not decide within ${ORDER_WITHIN / 1000} seconds`,
      where: order.directory,
      cause,
    });
  }
}

async function obtain(order: AcmeOrder, signal: AbortSignal): Promise<GivenCertificate> {
  // The library for certificates is slow to load, and most control planes never need this.
  const { createCertificateRequest } = await import('./challenge.ts');
  const { directory, names } = order;
  const account = await AcmeAccount.open(
    order,
    { key: order.accountKey, contact: order.contact },
    signal,
  );
  const identifiers = names.map((value) => ({ type: 'dns', value }));
  const made = await account.post(account.newOrder, { identifiers });
  const url = readLocation(made.headers, account.newOrder);
  const { authorizations, finalize } = read(made, account.newOrder, orderSchema);
  for (const one of authorizations) await prove(account, one, order, signal);
  const { key, request } = await createCertificateRequest(names);
  await account.post(finalize, { csr: Buffer.from(request).toString('base64url') });
  const done = await untilDecided(account, url, orderSchema, signal);
  if (done.status !== 'valid' || done.certificate === undefined) {
    const why =
      done.error === undefined
        ? `the order is ${quoteText(done.status)}`
        : describeProblem(done.error);
    throw new AcmeError({
      what: `the certificate authority issues no certificate: ${why}`,
      where: directory,
    });
  }
  return { chain: (await account.post(done.certificate)).text, key };
}

/** Proves the control of the name of an authorization. @throws AcmeError if the authority does not accept the proof */
async function prove(
  account: AcmeAccount,
  url: string,
  { names, show, directory }: AcmeOrder,
  signal: AbortSignal,
): Promise<void> {
  const { status, identifier, challenges } = (await account.get(url, authorizationSchema)).value;
  if (status === 'valid') return;
  const { value: name } = identifier;
  if (!names.includes(name)) {
    throw new AcmeError({
      what: 'the certificate authority asks for another name than was ordered',
      where: directory,
    });
  }
  const challenge = challenges.find(({ type }) => type === 'tls-alpn-01');
  const token = challenge?.token ?? '';
  if (challenge === undefined || !TOKEN.test(token)) {
    throw new AcmeError({
      what: `the certificate authority cannot test ${name} by port 443 (tls-alpn-01)`,
      where: directory,
      fix: 'Get the certificate in another way, then qx-controlplane certificate set.',
    });
  }
  const { createChallengeCertificate } = await import('./challenge.ts');
  const hide = show(name, await createChallengeCertificate(name, `${token}.${account.thumbprint}`));
  try {
    await account.post(challenge.url, {});
    const decided = await untilDecided(account, url, authorizationSchema, signal);
    if (decided.status === 'valid') return;
    const { error } = decided.challenges.find(({ type }) => type === 'tls-alpn-01') ?? {};
    throw new AcmeError({
      what: `the certificate authority did not find this machine by the name ${name}: ${
        error === undefined ? quoteText(decided.status) : describeProblem(error)
      }`,
      where: directory,
      fix: `It connects to port 443 of ${name}: the name must lead here, and the port must be open from there.`,
    });
  } finally {
    hide();
  }
}

/** Waits until an order or an authorization is no longer pending. @returns the order or authorization */
async function untilDecided<T extends { status: string }>(
  account: AcmeAccount,
  url: string,
  schema: z.ZodType<T>,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    const { value, answer } = await account.get(url, schema);
    if (!['pending', 'processing', 'ready'].includes(value.status)) return value;
    await wait(pauseOf(answer), undefined, { signal });
  }
}

/** Returns the milliseconds until the next check: as `Retry-After` says, within limits. */
function pauseOf({ headers }: AcmeAnswer): number {
  const seconds = Number(headers['retry-after']);
  return Number.isFinite(seconds) && seconds > 0
    ? Math.min(Math.max(seconds * 1000, LOOK_EVERY), LOOK_AT_LEAST_EVERY)
    : LOOK_EVERY;
}
