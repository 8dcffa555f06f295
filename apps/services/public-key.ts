import { createHash } from 'node:crypto';

/** A public key of a line of authorized_keys (sshd(8)). */
export interface PublicKey {
  /** `ED25519`, `ECDSA`, `RSA`; with `-SK` on a hardware token. */
  type: string;
  /** As ssh-keygen writes it: `SHA256:` and base64. */
  fingerprint: string;
  comment: string;
  /** The line. */
  text: string;
}

/** Types that sshd takes, and the bytes of an elliptic curve's point where there is one. */
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

/** Options before a key: words with commas between, in which quotes hold blanks. */
const OPTIONS = /^(?:[^\s"]|"(?:[^"\\]|\\.)*")+[ \t]+/;

// biome-ignore-start lint/suspicious/noControlCharactersInRegex: they are what is refused
/** Characters that no line has, but for a tab. */
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: they are what is refused

/** Parses a line of authorized_keys; `null` if it has no key that sshd takes. */
export function parsePublicKey(line: string): PublicKey | null {
  const text = line.trim();
  if (text.startsWith('#') || CONTROL.test(text)) return null;
  return parseKey(text, text) ?? parseKey(text.replace(OPTIONS, ''), text);
}

/** The keys of a text, as of a file of authorized_keys; lines that are none are left out. */
export function publicKeys(text: string): PublicKey[] {
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

/** The strings of RFC 4251 (5) that a blob consists of: a length of four bytes, and as many bytes. */
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

/** True if a key has the parts of its type (RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709; PROTOCOL.u2f of OpenSSH). */
function isWhole(type: string, parts: readonly Buffer[]): boolean {
  const { curve, point } = TYPES[type] ?? {};
  const wanted = (type === 'ssh-ed25519' ? 1 : 2) + (type.startsWith('sk-ecdsa') ? 1 : 0);
  if (parts.length !== wanted || parts.some(({ length }) => length === 0)) return false;
  const [first, second] = parts;
  if (curve === undefined) return type === 'ssh-rsa' || first?.length === ED25519_BYTES;
  return first?.toString() === curve && second?.length === point && second?.[0] === 4;
}
