import { createHash } from 'node:crypto';

/** A public key from a line of authorized_keys (sshd(8)). */
export interface PublicKey {
  /** `ED25519`, `ECDSA` or `RSA`; ends with `-SK` for a key on a hardware token. */
  type: string;
  /** `SHA256:` and base64, as ssh-keygen writes it. */
  fingerprint: string;
  comment: string;
  /** The whole line. */
  text: string;
}

/** Key types that sshd accepts; for elliptic curves also the curve's name and the bytes of a point. */
const TYPES: Readonly<Record<string, { name: string; curve?: string; point?: number }>> = {
  'ssh-ed25519': { name: 'ED25519' },
  'ssh-rsa': { name: 'RSA' },
  'ecdsa-sha2-nistp256': { name: 'ECDSA', curve: 'nistp256', point: 65 },
  'ecdsa-sha2-nistp384': { name: 'ECDSA', curve: 'nistp384', point: 97 },
  'ecdsa-sha2-nistp521': { name: 'ECDSA', curve: 'nistp521', point: 133 },
  'sk-ssh-ed25519@openssh.com': { name: 'ED25519-SK' },
  'sk-ecdsa-sha2-nistp256@openssh.com': { name: 'ECDSA-SK', curve: 'nistp256', point: 65 },
};

const ED25519_BYTES = 32;

/** Options before a key: words separated by commas; blanks may be in quotes. */
const OPTIONS = /^(?:[^\s"]|"(?:[^"\\]|\\.)*")+[ \t]+/;

// biome-ignore-start lint/suspicious/noControlCharactersInRegex: they are what is refused
/** Control characters, except for the tab: no line may contain them. */
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: they are what is refused

/** Parses a line of authorized_keys; returns `null` if it has no key that sshd accepts. */
export function parsePublicKey(line: string): PublicKey | null {
  const text = line.trim();
  if (text.startsWith('#') || CONTROL.test(text)) return null;
  return parseKey(text, text) ?? parseKey(text.replace(OPTIONS, ''), text);
}

/** Parses the keys in a text such as an authorized_keys file; lines without a key are left out. */
export function parsePublicKeys(text: string): PublicKey[] {
  return text.split('\n').flatMap((line) => parsePublicKey(line) ?? []);
}

function parseKey(words: string, text: string): PublicKey | null {
  const [, type = '', base64 = '', comment = ''] =
    /^([a-z0-9@.-]+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t]+(.*))?$/.exec(words) ?? [];
  const known = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
  if (known === undefined || base64.length % 4 !== 0) return null;
  const blob = Buffer.from(base64, 'base64');
  const [named, ...parts] = stringsOf(blob) ?? [];
  if (named?.toString() !== type || !isWhole(type, parts)) return null;
  const hash = createHash('sha256').update(blob).digest('base64').replace(/=+$/, '');
  return { type: known.name, fingerprint: `SHA256:${hash}`, comment, text };
}

/**
 * Splits a blob into its strings (RFC 4251, 5): a length of four bytes, and as many bytes. Returns null if it is
 * malformed.
 */
function stringsOf(blob: Buffer): Buffer[] | null {
  const strings: Buffer[] = [];
  let at = 0;
  while (at < blob.length) {
    if (at + 4 > blob.length) return null;
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) return null;
    strings.push(blob.subarray(at + 4, end));
    at = end;
  }
  return strings;
}

/**
 * Returns whether the parts of a key are those that its type requires (RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709;
 * PROTOCOL.u2f of OpenSSH).
 */
function isWhole(type: string, parts: readonly Buffer[]): boolean {
  const { curve, point } = TYPES[type] ?? {};
  const wanted = (type === 'ssh-ed25519' ? 1 : 2) + (type.startsWith('sk-ecdsa') ? 1 : 0);
  if (parts.length !== wanted || parts.some(({ length }) => length === 0)) return false;
  const [first, second] = parts;
  if (curve === undefined) return type === 'ssh-rsa' || first?.length === ED25519_BYTES;
  return first?.toString() === curve && second?.length === point && second?.[0] === 4;
}
