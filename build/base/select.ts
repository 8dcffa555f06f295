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
  /**
   * Whether Debian may stand in for Alpine where no mirror of Alpine answers: in a development build that may use the
   * network, and in nothing that is kept.
   */
  mayFallBack: boolean;
  profile: Profile;
  /** A mirror to use instead of the profile's. */
  mirror?: string | undefined;
  /** Receives one line for people about what `auto` means here. */
  say: (line: string) => void;
}

/**
 * The base a user asked for. `auto` is Alpine if it was locked, else Debian, or the only one that the profile has.
 * No mirror is asked unless Debian may stand in. Bases are loaded when they are asked for: their readers are not small.
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

async function automatic(circumstances: BaseCircumstances): Promise<BaseName> {
  const { hasAlpineLock, mayFallBack, profile, say } = circumstances;
  if (profile.bases.debian === undefined) return 'alpine';
  if (!hasAlpineLock) return 'debian';
  if (!mayFallBack || (await answersSomewhere(circumstances))) return 'alpine';
  say(
    `${profile.name}: packages come from Debian: no mirror of Alpine answers (BASE=alpine insists)`,
  );
  return 'debian';
}

/** Whether any mirror has the index of the profile's first repository. */
async function answersSomewhere({ profile, mirror }: BaseCircumstances): Promise<boolean> {
  const [addresses = []] = repositoryAddresses(settingsOf(profile, 'alpine'), mirror).values();
  const asked = addresses.map((address) =>
    answers(`${address}/${alpineArchitecture(profile)}/APKINDEX.tar.gz`),
  );
  return (await Promise.all(asked)).includes(true);
}
