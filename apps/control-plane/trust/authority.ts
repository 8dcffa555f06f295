import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../../error.ts';
import { asDiskError } from '../../files/disk-error.ts';
import { readIfThere, writeDurably } from '../../files/durable-file.ts';
import { readUnmountedConfiguration } from '../../host/configuration-disk.ts';
import { deriveNodeId } from '../../proto/names.ts';
import { ControlPlaneError } from '../error.ts';
import type { CertificateRequest } from './certificate-request.ts';
import type { Issuer, Validity } from './issue.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Milliseconds for which certificates are valid after they are issued, and before that, because clocks differ. */
const LIFE = 90 * DAY;
const BEFORE = DAY;

/** Extended key usage of clients (RFC 5280, 4.2.1.12). */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

const PEM = /-----BEGIN (PRIVATE KEY|CERTIFICATE)-----[A-Za-z0-9+/=\s]+-----END \1-----/g;

/** The identity of a caller, from its certificate. */
export interface Identity {
  readonly nodeId: string;
  /** Milliseconds since 1970 between which the certificate is valid. */
  readonly validity: Validity;
}

/** A server's key, and its certificate chain, including the root. */
export interface ServerCertificate {
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly chain: string;
  readonly validity: Validity;
}

/**
 * The control plane's certificate authority. The first root signs; the others are also trusted, during a change of
 * roots.
 */
export class Authority {
  readonly #issuer: Issuer;
  readonly #roots: readonly X509Certificate[];
  /** Path of its file. */
  readonly where: string;
  /** Whether it was just created, so that no host trusts it yet. */
  readonly isNew: boolean;

  /**
   * @param pem a private key and its root's certificate, then those of other roots
   * @throws ControlPlaneError if they do not belong together, or cannot be read
   */
  constructor(pem: string, where: string, isNew = false) {
    this.where = where;
    this.isNew = isNew;
    const fail = (what: string, cause?: unknown) =>
      new ControlPlaneError({
        what: `the certificate authority ${what}`,
        where,
        fix: 'Restore it from a backup: without it no host can connect, and all would have to join again.',
        cause,
      });
    const texts = [...pem.matchAll(PEM)];
    const keys = texts.filter(([, kind]) => kind === 'PRIVATE KEY').map(([text]) => text);
    const certificates = texts.filter(([, kind]) => kind === 'CERTIFICATE').map(([text]) => text);
    let key: KeyObject;
    try {
      this.#roots = certificates.map((text) => new X509Certificate(text));
      key = createPrivateKey(keys[0] ?? '');
    } catch (cause) {
      throw fail('cannot be read', cause);
    }
    const [root] = this.#roots;
    if (keys.length !== 1 || root === undefined) throw fail('is incomplete');
    if (!root.checkPrivateKey(key))
      throw fail('has a key that does not belong to its first certificate');
    if (this.#roots.some((one) => !one.ca)) throw fail('has a certificate that is not of a CA');
    this.#issuer = { certificate: certificates[0] ?? '', key };
  }

  /** SHA-256 of the signing root's DER, in lower case hex, as in join tokens. */
  get fingerprint(): string {
    return this.fingerprints[0] ?? '';
  }

  /** Fingerprints of all roots, the signing one first. */
  get fingerprints(): string[] {
    return this.#roots.map(computeFingerprint);
  }

  /** All roots that nodes must trust, each in PEM. */
  get roots(): string[] {
    return this.#roots.map(String);
  }

  /** The same roots as one text, as nodes get them. */
  get bundle(): string {
    return this.roots.join('');
  }

  /** Issues a key and certificate for a server, with names derived from all roots, and no address. */
  async serverCertificate(now = Date.now()): Promise<ServerCertificate> {
    const { issueServer } = await import('./issue.ts');
    const validity = { from: now - BEFORE, to: now + LIFE };
    const made = await issueServer(this.#issuer, this.fingerprints, validity);
    return { key: made.key, chain: `${made.certificate}\n${this.#issuer.certificate}`, validity };
  }

  /**
   * Signs a node's certificate request.
   * @returns the node's certificate in PEM; there are no intermediate certificates
   */
  async sign({ publicKey, nodeId: id }: CertificateRequest, now = Date.now()): Promise<string> {
    const { issueNode } = await import('./issue.ts');
    const validity = { from: now - BEFORE, to: now + LIFE };
    return await issueNode(this.#issuer, { publicKey, nodeId: id }, validity);
  }

  /**
   * Identifies the node of a certificate, without checking its validity.
   * @param der from TLS, which has proven that the caller holds its key
   * @returns `undefined` if no root has signed it for a node
   */
  identify(der: Uint8Array): Identity | undefined {
    const certificate = new X509Certificate(der);
    const isOurs = this.#roots.some(
      (root) => certificate.checkIssued(root) && certificate.verify(root.publicKey),
    );
    if (!isOurs || certificate.ca || certificate.keyUsage?.includes(CLIENT_AUTH) !== true) {
      return undefined;
    }
    return {
      nodeId: deriveNodeId(certificate.publicKey),
      validity: {
        from: certificate.validFromDate.getTime(),
        to: certificate.validToDate.getTime(),
      },
    };
  }
}

/** Whether a certificate must be renewed: at most a third of its lifetime is left, or the clock is outside of it. */
export function isDue({ validity: { from, to } }: ServerCertificate, now: number): boolean {
  return now < from || now >= to - (to - from) / 3;
}

/**
 * Opens the certificate authority, or creates it if it does not exist. It is a single file, so that a power failure
 * leaves it complete or absent.
 * @param file its folder is created; only its owner may read it
 * @param root folder that contains `run`
 * @throws ControlPlaneError if it cannot be read, or may be in a configuration that is not mounted: it is never
 *   replaced
 * @throws DiskError if it cannot be written
 */
export async function openAuthority(file: string, root = '/'): Promise<Authority> {
  const kept = await read(file);
  if (kept !== undefined) return new Authority(kept, file);
  const unmounted = await readUnmountedConfiguration(root);
  if (unmounted !== undefined) {
    throw new ControlPlaneError({
      what: `the certificate authority is missing, and no other is created in its place: ${unmounted}`,
      where: file,
    });
  }
  const text = await makeAuthority();
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o755 });
  } catch (error) {
    throw asDiskError(dirname(file), error);
  }
  await writeDurably(file, text, 0o600);
  return new Authority(text, file, true);
}

/** Makes an authority that is not stored and that nobody trusts, for use while the stored one cannot be read. */
export async function makeTemporaryAuthority(): Promise<Authority> {
  return new Authority(await makeAuthority(), 'in memory', true);
}

/** Makes a key and its root's certificate, in PEM. */
async function makeAuthority(): Promise<string> {
  const { makeRoot } = await import('./issue.ts');
  const { key, certificate } = await makeRoot();
  return `${key}\n${certificate}\n`;
}

async function read(file: string): Promise<string | undefined> {
  try {
    return await readIfThere(file);
  } catch (cause) {
    const what = `the certificate authority cannot be read: ${messageOf(cause)}`;
    throw new ControlPlaneError({ what, where: file, cause });
  }
}

/** Returns the SHA-256 of a certificate's DER in lower case hex, for people to compare. */
export function computeFingerprint(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}
