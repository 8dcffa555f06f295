import { ExplainedError } from '../explained-error.ts';
import { formatFirstIssue, openEnvelope, sealBy } from './envelope.ts';
import type { TrustedKey } from './keys.ts';
import { type Release, releaseSchema } from './release.ts';
import type { Signer } from './signer.ts';

/** Payload type of an envelope for a release. */
export const RELEASE_TYPE = 'application/vnd.quantix.release+json';

/**
 * Signs a release.
 * @param signers each makes one signature
 * @returns the text of `release.json`: the release in a DSSE envelope; the same for the same release and keys
 * @throws ExplainedError if `verifyRelease` would refuse the release, or a signer fails
 */
export async function signRelease(release: Release, signers: readonly Signer[]): Promise<string> {
  const checked = parse(release, 'the release to sign');
  return sealBy(RELEASE_TYPE, Buffer.from(JSON.stringify(checked)), signers);
}

/**
 * Verifies and parses a `release.json`. The caller has to check that it has not expired, is not older than one already
 * seen, and is for this product.
 * @param envelopeText the file's content
 * @param trustedKeys trusted keys; if there are none, everything is refused
 * @param where its file or address, for errors
 * @throws ExplainedError if it is not an envelope, not signed with a trusted key, or malformed
 */
export function verifyRelease(
  envelopeText: string | Uint8Array,
  trustedKeys: readonly TrustedKey[],
  where = 'release.json',
): Release {
  const expected = { payloadType: RELEASE_TYPE, trusted: trustedKeys, where };
  const { payload } = openEnvelope(envelopeText, expected);
  let json: unknown;
  try {
    json = JSON.parse(payload.toString('utf8'));
  } catch (cause) {
    throw new ExplainedError({ what: 'what was signed is not JSON', where, cause });
  }
  return parse(json, where);
}

function parse(json: unknown, where: string): Release {
  const { success, data, error } = releaseSchema.safeParse(json);
  if (success) return data;
  throw new ExplainedError({
    what: `it is not a release that this version understands: ${formatFirstIssue(error)}`,
    where,
    fix: 'Make it with the qx-build of this version, or update step by step.',
    cause: error,
  });
}
