import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { connect } from 'node:net';
import { vi } from 'vitest';
import { readPublicKey, type TrustedKey } from '../../../build/release/keys.ts';
import type { Release } from '../../../build/release/release.ts';
import { makeKeySigner, type Signer } from '../../../build/release/signer.ts';

/** A pair of keys: one signs, the other is trusted. */
export interface Pair {
  secret: KeyObject;
  signer: Signer;
  trusted: TrustedKey;
  /** The public key, PEM. */
  pem: string;
}

/** Makes a pair of keys. @param name name of the trusted key */
export function newPair(name = 'test'): Pair {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const trusted = readPublicKey(pem, name, `${name}.pem`);
  return { secret: privateKey, signer: makeKeySigner(privateKey), trusted, pem };
}

/** Waits until an ssh-agent accepts connections, which is a moment after its socket exists. */
export async function untilListening(socket: string): Promise<void> {
  const connecting = () =>
    new Promise<void>((resolve, reject) => {
      const connection = connect(socket, () => {
        connection.destroy();
        resolve();
      });
      connection.once('error', reject);
    });
  await vi.waitFor(connecting, { timeout: 30_000, interval: 20 });
}

/** A valid release with some changes. */
export function release(changes: Partial<Release> = {}): Release {
  const sha256 = 'ab'.repeat(32);
  return {
    format: 1,
    product: 'quantix-os',
    version: '0.2.0',
    channel: 'stable',
    architecture: 'x86_64',
    base: 'alpine',
    buildId: '0123456789abcdef',
    serial: 7,
    floor: 3,
    issued: '2026-01-01T00:00:00Z',
    expires: '2027-01-01T00:00:00Z',
    image: { path: `images/${sha256}.iso`, bytes: 1000, sha256 },
    ...changes,
  };
}
