import { ExplainedError } from '../explained-error.ts';
import { firstIssue, openEnvelope, sealBy } from './envelope.ts';
import type { TrustedKey } from './keys.ts';
import { type Release, releaseSchema } from './release.ts';
import type { Signer } from './signer.ts';

/** What an envelope around a release says that it holds. */
export const RELEASE_TYPE = 'application/vnd.quantix.release+json';

/**
 * @param signers a signature by each
 * @returns the text of `release.json`: the release in a DSSE envelope; the same for the same release and keys
 * @throws ExplainedError if the release is not one that `verifyRelease` takes, or a signer does not sign
 */
export async function signRelease(release: Release, signers: readonly Signer[]): Promise<string> {
  const checked = parse(release, 'the release to sign');
  return sealBy(RELEASE_TYPE, Buffer.from(JSON.stringify(checked)), signers);
}

/**
 * What a `release.json` says, if somebody trusted has signed it. Whether it has expired, is older than what was seen, or
 * is for another product is for the caller to say: these are no properties of the file.
 * @param envelopeText the file as it is
 * @param trustedKeys keys whose signature counts; with none, nothing is taken
 * @param where its file or address, for errors
 * @throws ExplainedError if it is no envelope, nobody trusted has signed it, or it does not say what a release says
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
    throw new ExplainedError({ what: 'what was signed is no JSON', where, cause });
  }
  return parse(json, where);
}

function parse(json: unknown, where: string): Release {
  const { success, data, error } = releaseSchema.safeParse(json);
  if (success) return data;
  throw new ExplainedError({
    what: `it is no release that this version knows: ${firstIssue(error)}`,
    where,
    fix: 'Make it with the qx-build of this version, or update step by step.',
    cause: error,
  });
}
