import type { ProfileInput } from './schema.ts';

/** What a file in `profiles/` exports by default: gives its author types while writing; the check is at load. */
export function defineProfile(profile: ProfileInput): ProfileInput {
  return profile;
}
