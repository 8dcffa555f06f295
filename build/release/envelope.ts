import { type KeyObject, sign, verify } from 'node:crypto';
import { z } from 'zod';
import { ExplainedError } from '../explained-error.ts';
import { computeKeyId, type TrustedKey } from './keys.ts';
import { type Signer, signBy } from './signer.ts';

/**
 * Longest envelope that hosts and control planes read, in bytes; a release with many signatures has a few thousand
 * bytes.
 */
export const LONGEST_ENVELOPE = 256 * 1024;

/**
 * Longest envelope in a release's folder, in bytes; lists and provenances are long, with an entry per file or package.
 */
export const LONGEST_OF_FOLDER = 16 * 1024 * 1024;

/**
 * Maximum number of signatures of an envelope; there is a limit because each signature is tried with each trusted key.
 */
const MOST_SIGNATURES = 16;

const envelopeSchema = z.object({
  payloadType: z.string().max(200),
  payload: z.string(),
  signatures: z
    .array(z.object({ keyid: z.string().max(200).optional(), sig: z.string().max(1024) }))
    .min(1, 'has no signature')
    .max(MOST_SIGNATURES, `has more than ${MOST_SIGNATURES} signatures`),
});

/** Content of an envelope signed with a trusted key. */
export interface Opened {
  payload: Buffer;
  /** The trusted key that signed it; if several did, the first of the trusted keys. */
  key: TrustedKey;
}

/**
 * Returns the bytes that are signed: type and payload, each preceded by its length (DSSE 1.0, "PAE"). Thus no other
 * data signed with the same key can be mistaken for an envelope.
 */
function signedBytes(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType, 'utf8');
  const head = `DSSEv1 ${type.length} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head, 'utf8'), payload]);
}

/**
 * Makes an envelope: DSSE 1.0 as JSON, signed with Ed25519. The same bytes and keys give the same envelope.
 * @param keys private Ed25519 keys; each makes one signature
 * @returns one line of JSON, with a line feed
 * @throws TypeError if there are no keys
 */
export function seal(payloadType: string, payload: Uint8Array, keys: readonly KeyObject[]): string {
  const bytes = signedBytes(payloadType, payload);
  const signatures = keys.map((key) => ({ keyid: computeKeyId(key), sig: sign(null, bytes, key) }));
  return envelopeOf(payloadType, payload, signatures);
}

/**
 * Makes an envelope like `seal`, signed by signers.
 * @param signers each makes one signature
 * @param longest most bytes that readers of the envelope accept
 * @throws TypeError if there are no signers
 * @throws ExplainedError if a signer fails, or the envelope is too long for its readers
 */
export async function sealBy(
  payloadType: string,
  payload: Uint8Array,
  signers: readonly Signer[],
  longest = LONGEST_ENVELOPE,
): Promise<string> {
  const bytes = signedBytes(payloadType, payload);
  const signatures: Signature[] = [];
  for (const signer of signers) {
    signatures.push({ keyid: computeKeyId(signer.key), sig: await signBy(signer, bytes) });
  }
  const envelope = envelopeOf(payloadType, payload, signatures);
  if (envelope.length <= longest) return envelope;
  throw new ExplainedError({
    what: `what is to be signed has ${payload.length} bytes, more than the ${longest} that an envelope may have`,
    where: payloadType,
  });
}

interface Signature {
  keyid: string;
  sig: Buffer;
}

function envelopeOf(
  payloadType: string,
  payload: Uint8Array,
  signed: readonly Signature[],
): string {
  if (signed.length === 0) throw new TypeError('an envelope needs a signature');
  const signatures = signed.map(({ keyid, sig }) => ({ keyid, sig: sig.toString('base64') }));
  const envelope = { payloadType, payload: Buffer.from(payload).toString('base64'), signatures };
  return `${JSON.stringify(envelope)}\n`;
}

/** Requirements for an envelope to be read. */
interface Expected {
  /** Expected type of the payload. */
  payloadType: string;
  /** File or address, for errors. */
  where: string;
  /** Maximum number of bytes of the envelope; `LONGEST_ENVELOPE` if absent. */
  longest?: number;
}

/**
 * Opens an envelope (DSSE 1.0) if one of its signatures is by a trusted key. The envelope's own key ids are ignored:
 * each signature is tried with each key.
 * @param text the file, or its bytes
 * @param trusted trusted keys
 * @throws ExplainedError if it is not an envelope, has another payload type, or is not signed with a trusted key
 */
export function openEnvelope(
  text: string | Uint8Array,
  { trusted, ...expected }: Expected & { trusted: readonly TrustedKey[] },
): Opened {
  const { payloadType, where } = expected;
  if (trusted.length === 0) {
    throw new ExplainedError({
      what: 'no key for releases is trusted here, so nothing can be checked',
      where,
      fix: 'Build the image with RELEASE_KEYS=FOLDER, a folder of public keys (qx-build key show).',
    });
  }
  const envelope = parseEnvelope(text, expected);
  const payload = fromBase64(envelope.payload, 'payload', where);
  const bytes = signedBytes(payloadType, payload);
  const signatures = envelope.signatures.map(({ sig }) => fromBase64(sig, 'signature', where));
  const key = trusted.find(({ key }) => signatures.some((each) => verify(null, bytes, key, each)));
  if (key !== undefined) return { payload, key };
  const names = trusted.map(({ name, id }) => `${name} ${id.slice(0, 16)}`).join(', ');
  throw new ExplainedError({
    what: `it is not signed with a key that is trusted here: ${names}`,
    where,
    fix: 'It was changed on its way, or signed with another key: get it from its publisher again.',
  });
}

/**
 * Returns the payload of an envelope without verifying signatures; it must not be trusted.
 * @throws ExplainedError if it is not an envelope, or has another payload type
 */
export function peekEnvelope(text: string | Uint8Array, expected: Expected): Buffer {
  return fromBase64(parseEnvelope(text, expected).payload, 'payload', expected.where);
}

function parseEnvelope(
  text: string | Uint8Array,
  { payloadType, where, longest = LONGEST_ENVELOPE }: Expected,
): z.infer<typeof envelopeSchema> {
  if (text.length > longest) throw noEnvelope(`is longer than ${longest / 1024} KiB`, where);
  let json: unknown;
  try {
    json = JSON.parse(typeof text === 'string' ? text : Buffer.from(text).toString('utf8'));
  } catch (cause) {
    throw noEnvelope('is not JSON', where, cause);
  }
  const { success, data, error } = envelopeSchema.safeParse(json);
  if (!success) throw noEnvelope(formatFirstIssue(error), where, error);
  if (data.payloadType === payloadType) return data;
  throw new ExplainedError({
    what: `it holds ${JSON.stringify(data.payloadType)}, not ${payloadType}`,
    where,
    fix: 'Give the file that was made for this.',
  });
}

/** Returns the first issue of a schema as text: `image.path: must be …`. */
export function formatFirstIssue({ issues }: z.ZodError): string {
  const [issue] = issues;
  return issue === undefined ? 'is wrong' : [issue.path.join('.'), issue.message].join(': ');
}

function noEnvelope(why: string, where: string, cause?: unknown): ExplainedError {
  const what = `it is not a signed file (DSSE envelope): ${why}`;
  return new ExplainedError({ what, where, fix: 'Get it from its publisher again.', cause });
}

/** Decodes Base64 in either alphabet (DSSE allows both), with or without padding. */
function fromBase64(text: string, name: string, where: string): Buffer {
  if (!/^[0-9A-Za-z+/_-]*={0,2}$/.test(text)) throw noEnvelope(`its ${name} is not Base64`, where);
  return Buffer.from(text, 'base64');
}
