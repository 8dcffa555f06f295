import { type KeyObject, sign, verify } from 'node:crypto';
import { z } from 'zod';
import { ExplainedError } from '../explained-error.ts';
import { keyIdOf, type TrustedKey } from './keys.ts';
import { type Signer, signBy } from './signer.ts';

/** Longest envelope that hosts and control planes read, bytes: a release with many signatures has a few thousand. */
export const LONGEST_ENVELOPE = 256 * 1024;

/** Longest envelope in a release's folder, bytes: its list has a line for each file, a provenance one for each package. */
export const LONGEST_OF_FOLDER = 16 * 1024 * 1024;

/** Most signatures of an envelope: each is tried with each trusted key. */
const MOST_SIGNATURES = 16;

const envelopeSchema = z.object({
  payloadType: z.string().max(200),
  payload: z.string(),
  signatures: z
    .array(z.object({ keyid: z.string().max(200).optional(), sig: z.string().max(1024) }))
    .min(1, 'has no signature')
    .max(MOST_SIGNATURES, `has more than ${MOST_SIGNATURES} signatures`),
});

/** What an envelope carries, by one whose key is trusted. */
export interface Opened {
  payload: Buffer;
  /** The trusted key by which it is signed; the first in their order if several are. */
  key: TrustedKey;
}

/**
 * What is signed: the type and the payload, each with its length before it (DSSE 1.0, "PAE").
 * So no other bytes signed by the same key can be taken for it.
 */
function signedBytes(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType, 'utf8');
  const head = `DSSEv1 ${type.length} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head, 'utf8'), payload]);
}

/**
 * An envelope around some bytes: DSSE 1.0 as JSON, signed with Ed25519. The same bytes and keys give the same envelope.
 * @param keys private keys, Ed25519; one signature for each
 * @returns one line of JSON with its end
 * @throws TypeError without a key
 */
export function seal(payloadType: string, payload: Uint8Array, keys: readonly KeyObject[]): string {
  const bytes = signedBytes(payloadType, payload);
  const signatures = keys.map((key) => ({ keyid: keyIdOf(key), sig: sign(null, bytes, key) }));
  return envelopeOf(payloadType, payload, signatures);
}

/**
 * The same envelope, signed by whoever has the keys.
 * @param signers one signature by each
 * @param longest bytes of an envelope that those who open it read
 * @throws TypeError without a signer
 * @throws ExplainedError if one of them does not sign, or nobody would open it as it is too long
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
    signatures.push({ keyid: keyIdOf(signer.key), sig: await signBy(signer, bytes) });
  }
  const envelope = envelopeOf(payloadType, payload, signatures);
  if (envelope.length <= longest) return envelope;
  throw new ExplainedError({
    what: `what is to be signed has ${payload.length} bytes, and nobody opens an envelope of more than ${longest}`,
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

/** What an envelope must be, to be read. */
interface Expected {
  /** What must be inside. */
  payloadType: string;
  /** File or address, for errors. */
  where: string;
  /** Bytes that it may have; `LONGEST_ENVELOPE` if absent. */
  longest?: number;
}

/**
 * Opens an envelope (DSSE 1.0) if one signature of it is by a trusted key. What the envelope says of its keys is not
 * believed: each signature is tried with each key.
 * @param text the file as it is, or bytes of it
 * @param trusted keys whose signature counts
 * @throws ExplainedError if it is no envelope, holds something else, or nobody who is trusted has signed it
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
    what: `its signature is by none of the keys that are trusted here: ${names}`,
    where,
    fix: 'It was changed on its way, or signed with another key: get it from its publisher again.',
  });
}

/**
 * What an envelope carries, whoever has signed it: nothing to be believed.
 * @throws ExplainedError if it is no envelope, or holds something else
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
    throw noEnvelope('is no JSON', where, cause);
  }
  const { success, data, error } = envelopeSchema.safeParse(json);
  if (!success) throw noEnvelope(firstIssue(error), where, error);
  if (data.payloadType === payloadType) return data;
  throw new ExplainedError({
    what: `it holds ${JSON.stringify(data.payloadType)}, not ${payloadType}`,
    where,
    fix: 'Give the file that was made for this.',
  });
}

/** The first thing that a schema has against something, in words: `image.path: must be …`. */
export function firstIssue({ issues }: z.ZodError): string {
  const [issue] = issues;
  return issue === undefined ? 'is wrong' : [issue.path.join('.'), issue.message].join(': ');
}

function noEnvelope(why: string, where: string, cause?: unknown): ExplainedError {
  const what = `it is no signed file, a DSSE envelope: ${why}`;
  return new ExplainedError({ what, where, fix: 'Get it from its publisher again.', cause });
}

/** Bytes of Base64 in either alphabet (DSSE allows both), with or without padding. */
function fromBase64(text: string, name: string, where: string): Buffer {
  if (!/^[0-9A-Za-z+/_-]*={0,2}$/.test(text)) throw noEnvelope(`its ${name} is no Base64`, where);
  return Buffer.from(text, 'base64');
}
