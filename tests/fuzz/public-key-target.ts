import { parsePublicKeys } from '../../apps/services/public-key.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const KEYS = Buffer.from(
  [
    'from="10.0.0.0/8",command="echo \\"a b\\"" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g anna@desk',
    'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=',
  ].join('\n'),
);

/** Lines of authorized_keys: an accepted key is one line, and has the fingerprint that ssh-keygen prints. */
export const publicKey: Target = {
  name: 'public-key',
  once(random) {
    for (const key of parsePublicKeys(mutate(KEYS, random).toString('utf8'))) {
      if (!/^SHA256:[A-Za-z0-9+/]{43}$/.test(key.fingerprint)) throw new Error(key.fingerprint);
      if (/[\r\n]/.test(key.text)) throw new Error(`${JSON.stringify(key.text)} is not one line`);
    }
  },
};
