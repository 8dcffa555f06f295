import { debian } from '../../../../build/base/debian/base.ts';
import type { FinishContext } from '../../../../build/contract/base.ts';
import { shippedProfile } from '../../profile/profiles.ts';

/** Returns the input of a base's finishing step, with some changes of the profile. */
export async function finishContext(
  changes: Partial<FinishContext['profile']> = {},
): Promise<FinishContext> {
  const shipped = await shippedProfile();
  const profile = { ...shipped, settings: debian.settings(shipped), ...changes };
  return { profile, base: 'debian', version: '0.1.0', epoch: 1_700_000_000 };
}
