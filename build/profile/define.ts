import type { ProfileInput } from './schema.ts';

/** What a profile's file exports by default. Gives its author types; values are checked when it is loaded. */
export function defineProfile(profile: ProfileInput): ProfileInput {
  return profile;
}
