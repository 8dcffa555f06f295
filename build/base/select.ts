import { BASE_NAMES, BASES, type BaseName } from '../bases.ts';
import type { Base } from '../contract/base.ts';
import { must } from '../error.ts';
import type { Profile } from '../profile/profile.ts';
import { canFetch } from './probe.ts';

/** Values of the option `--base`. */
export const BASE_CHOICES = ['auto', ...BASE_NAMES] as const;

export type BaseChoice = (typeof BASE_CHOICES)[number];

/** Bases are loaded on use, because their readers are large. */
const LOADERS: { readonly [Name in BaseName]: () => Promise<Base> } = {
  alpine: async () => (await import('./alpine/base.ts')).alpine,
  debian: async () => (await import('./debian/base.ts')).debian,
};

/** Returns a base by its name. */
export function loadBase(name: BaseName): Promise<Base> {
  return LOADERS[name]();
}

/** Facts that the choice of `auto` depends on. */
export interface BaseCircumstances {
  /** Whether the profile has a lock for a base. */
  isLocked: (base: BaseName) => boolean;
  /**
   * Whether the last base may be used if the mirrors of another do not answer: for development builds with network
   * access, but not for `make lock`, whose result is stored.
   */
  mayFallBack: boolean;
  profile: Profile;
  /** A mirror to use instead of the profile's. */
  mirror?: string | undefined;
  /** Receives a line with the chosen base and the reason. */
  say: (line: string) => void;
}

/**
 * Returns the base that a user asked for. `auto` is the first base of the profile that has a lock, in the order of
 * `BASES`, or its last base if none has. If `mayFallBack` is set, the mirrors of that base are probed, and the last
 * base replaces it if they do not answer.
 */
export async function selectBase(
  choice: BaseChoice,
  circumstances: BaseCircumstances,
): Promise<Base> {
  return choice === 'auto' ? automatic(circumstances) : loadBase(choice);
}

async function automatic(circumstances: BaseCircumstances): Promise<Base> {
  const { isLocked, mayFallBack, profile, say } = circumstances;
  const own = BASE_NAMES.filter((name) => profile.bases[name] !== undefined);
  const last = must(own.at(-1), `base of ${profile.name}`);
  const first = own.find(isLocked) ?? last;
  const base = await loadBase(first);
  const report = (name: BaseName, why: string) =>
    say(`${profile.name}: packages come from ${BASES[name].title}: ${why}`);
  if (first === last || !mayFallBack || (await isReachable(base, circumstances))) {
    report(first, reasonFor(first, own));
    return base;
  }
  report(last, `no mirror of ${BASES[first].title} answers (BASE=${first} selects it anyway)`);
  return loadBase(last);
}

/** Explains the choice of `auto` in cases where no mirror was probed. */
function reasonFor(chosen: BaseName, own: readonly BaseName[]): string {
  if (own.length === 1) return 'the profile has no other base';
  const [passed] = own.slice(0, own.indexOf(chosen));
  if (passed === undefined) return 'it is locked';
  return `${BASES[passed].title} is not locked (BASE=${passed} selects it anyway)`;
}

/**
 * Whether any of the addresses that a base probes can be fetched; a base without such addresses counts as reachable.
 */
async function isReachable(base: Base, { profile, mirror }: BaseCircumstances): Promise<boolean> {
  const addresses = base.probes?.(profile, mirror);
  if (addresses === undefined) return true;
  return (await Promise.all(addresses.map(canFetch))).includes(true);
}
