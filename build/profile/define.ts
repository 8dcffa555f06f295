import type { ProfileInput } from './schema.ts';

/** What the file of a profile exports by default: gives its author types while writing; the check is at load. */
export function defineProfile(profile: ProfileInput): ProfileInput {
  return profile;
}
