import { AgentError } from './error.ts';

/** Contents of a join token. */
export interface JoinToken {
  /** Known only to the control plane and the holder of the token; valid for one node. */
  readonly secret: string;
  /** SHA-256 of the DER of the control plane's CA certificate: 64 digits, in lower-case hex. */
  readonly fingerprint: string;
}

/**
 * `qxj1.<secret>.<fingerprint>`: the secret has 16 to 128 characters of A–Z a–z 0–9 _ -, the fingerprint 64 hex digits.
 */
const TOKEN = /^qxj1\.([A-Za-z0-9_-]{16,128})\.([0-9A-Fa-f]{64})$/;

/**
 * Parses a join token; surrounding blanks are ignored.
 * @throws AgentError, without the token in its message, if it is malformed
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

/** Formats a join token. */
export function formatJoinToken({ secret, fingerprint }: JoinToken): string {
  return `qxj1.${secret}.${fingerprint}`;
}
