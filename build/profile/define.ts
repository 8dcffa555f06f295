import type { ProfileInput } from './schema.ts';

/**
 * Returns a profile unchanged, for the default export of a profile's file: the parameter's type checks what the author
 * writes. Values are checked when the profile is loaded.
 */
export function defineProfile(profile: ProfileInput): ProfileInput {
  return profile;
}
