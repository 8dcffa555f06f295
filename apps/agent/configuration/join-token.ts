import { AgentError } from './error.ts';

/** What a join token says. */
export interface JoinToken {
  /** Known to the control plane and whoever holds the token; good for one node. */
  readonly secret: string;
  /** SHA-256 over the DER of the control plane's CA certificate: 64 digits, lower case hex. */
  readonly fingerprint: string;
}

/** `qxj1.<secret>.<fingerprint>`: the secret has 16 to 128 of A–Z a–z 0–9 _ -, the fingerprint 64 hex digits. */
const TOKEN = /^qxj1\.([A-Za-z0-9_-]{16,128})\.([0-9A-Fa-f]{64})$/;

/**
 * Reads a join token; spaces around it do not matter.
 * @throws AgentError, without the token in its message, if it is none
 */
export function parseJoinToken(text: string): JoinToken {
  const [, secret, fingerprint] = TOKEN.exec(text.trim()) ?? [];
  if (secret === undefined || fingerprint === undefined) {
    throw new AgentError({
      what: 'this is not a join token: one looks like qxj1.SECRET.FINGERPRINT',
      fix: 'Copy it whole from the control plane.',
    });
  }
  return { secret, fingerprint: fingerprint.toLowerCase() };
}

/** Writes a join token. */
export function formatJoinToken({ secret, fingerprint }: JoinToken): string {
  return `qxj1.${secret}.${fingerprint}`;
}
