import type { FinishContext } from '../../../../build/contract/base.ts';
import { sampleLock } from '../../lock/locks.ts';
import { shippedProfile } from '../../profile/profiles.ts';

/** What a base's finishing is given, with some of the profile changed. */
export async function finishContext(
  changes: Partial<FinishContext['profile']> = {},
): Promise<FinishContext> {
  const profile = { ...(await shippedProfile()), ...changes };
  return { profile, lock: sampleLock({ sourceDateEpoch: 1_700_000_000 }), version: '0.1.0' };
}
