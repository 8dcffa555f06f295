import { BASE_NAMES, BASES, type BaseName } from '../bases.ts';
import type { Base } from '../contract/base.ts';
import { must } from '../error.ts';
import type { Profile } from '../profile/profile.ts';
import { canFetch } from './probe.ts';

/** What a user may ask for. */
export const BASE_CHOICES = ['auto', ...BASE_NAMES] as const;

export type BaseChoice = (typeof BASE_CHOICES)[number];

/** Bases are loaded when they are asked for: their readers are not small. */
const LOADERS: { readonly [Name in BaseName]: () => Promise<Base> } = {
  alpine: async () => (await import('./alpine/base.ts')).alpine,
  debian: async () => (await import('./debian/base.ts')).debian,
};

/** What `auto` is decided by. */
export interface BaseCircumstances {
  /** Whether packages of a base were locked for the profile. */
  isLocked: (base: BaseName) => boolean;
  /**
   * Whether the last base may stand in for one whose mirrors do not answer: in a development build that may use the
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
 * The base a user asked for. `auto` is the first base of the profile that was locked, in the order of `BASES`, or its
 * last one if none was. No mirror is asked unless that last one may stand in.
 */
export async function selectBase(
  choice: BaseChoice,
  circumstances: BaseCircumstances,
): Promise<Base> {
  return choice === 'auto' ? automatic(circumstances) : LOADERS[choice]();
}

async function automatic(circumstances: BaseCircumstances): Promise<Base> {
  const { isLocked, mayFallBack, profile, say } = circumstances;
  const own = BASE_NAMES.filter((name) => profile.bases[name] !== undefined);
  const last = must(own.at(-1), `base of ${profile.name}`);
  const first = own.find(isLocked) ?? last;
  const base = await LOADERS[first]();
  const tell = (name: BaseName, why: string) =>
    say(`${profile.name}: packages come from ${BASES[name].title}: ${why}`);
  if (first === last || !mayFallBack || (await isReachable(base, circumstances))) {
    tell(first, reasonFor(first, own));
    return base;
  }
  tell(last, `no mirror of ${BASES[first].title} answers (BASE=${first} insists)`);
  return LOADERS[last]();
}

/** Why a base is what `auto` means, where no mirror had a say. */
function reasonFor(chosen: BaseName, own: readonly BaseName[]): string {
  if (own.length === 1) return 'the profile has no other base';
  const [passed] = own.slice(0, own.indexOf(chosen));
  if (passed === undefined) return 'it is locked';
  return `${BASES[passed].title} is not locked (BASE=${passed} takes it all the same)`;
}

/** Whether any mirror has what has to be there; one whose mirrors are not known counts as reachable. */
async function isReachable(base: Base, { profile, mirror }: BaseCircumstances): Promise<boolean> {
  const addresses = base.probes?.(profile, mirror);
  if (addresses === undefined) return true;
  return (await Promise.all(addresses.map(canFetch))).includes(true);
}
