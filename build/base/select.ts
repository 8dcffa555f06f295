import type { Base } from '../contract/base.ts';
import { BuildError } from '../error.ts';
import { type Profile, settingsOf } from '../profile/profile.ts';
import type { BaseName } from '../profile/schema.ts';
import { alpineArchitecture, repositoryAddresses } from './alpine/request.ts';
import { answers } from './probe.ts';

/** What a user may ask for. */
export type BaseChoice = 'auto' | BaseName;

/** What `auto` is decided by. */
export interface BaseCircumstances {
  /** Whether packages of Alpine were locked for the profile. */
  hasAlpineLock: boolean;
  profile: Profile;
  /** A mirror to use instead of the profile's. */
  mirror?: string | undefined;
  /** Receives one line for people about what `auto` means here. */
  say: (line: string) => void;
}

/**
 * The base a user asked for. `auto` is Alpine if it was locked and its mirror answers, else Debian.
 * Bases are loaded when they are asked for: their readers are not small.
 * @throws BuildError if there is no such base
 */
export async function selectBase(
  choice: BaseChoice,
  circumstances: BaseCircumstances,
): Promise<Base> {
  const name = choice === 'auto' ? await automatic(circumstances) : choice;
  switch (name) {
    case 'alpine':
      return (await import('./alpine/base.ts')).alpine;
    case 'debian':
      return (await import('./debian/base.ts')).debian;
    default:
      throw new BuildError({
        what: `there is no base ${JSON.stringify(choice)}`,
        fix: 'Write BASE=alpine or BASE=debian.',
      });
  }
}

async function automatic({
  hasAlpineLock,
  profile,
  mirror,
  say,
}: BaseCircumstances): Promise<BaseName> {
  if (!hasAlpineLock) return 'debian';
  const [[address = ''] = []] = repositoryAddresses(settingsOf(profile, 'alpine'), mirror).values();
  if (await answers(`${address}/${alpineArchitecture(profile)}/APKINDEX.tar.gz`)) return 'alpine';
  say(`packages come from Debian: ${address} does not answer (BASE=alpine insists)`);
  return 'debian';
}
