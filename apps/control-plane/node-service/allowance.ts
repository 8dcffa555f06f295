/** A rate limit. */
export interface Rate {
  /** Number of uses that are permitted in quick succession. */
  readonly burst: number;
  /** Milliseconds after which one more use is permitted. */
  readonly every: number;
}

/**
 * Maximum number of callers that are counted, more than there are nodes. Beyond that, the least recently active one is
 * forgotten.
 */
const MOST = 20_000;

/** Limits how often each of many callers may do something. */
export class Allowance {
  readonly #rate: Rate;
  readonly #elapsed: () => number;
  /** Caller → when its whole burst will be permitted again; least recently used first. */
  readonly #full = new Map<string, number>();

  /** @param elapsed returns milliseconds since an arbitrary moment */
  constructor(rate: Rate, elapsed: () => number = () => performance.now()) {
    this.#rate = rate;
    this.#elapsed = elapsed;
  }

  /** Returns the milliseconds until the next use by a caller is permitted; 0 if it is now. */
  wait(who: string): number {
    const { burst, every } = this.#rate;
    const now = this.#elapsed();
    const full = Math.max(this.#full.get(who) ?? 0, now);
    return Math.max(0, full - now - (burst - 1) * every);
  }

  /** Counts one use by a caller. */
  count(who: string): void {
    const now = this.#elapsed();
    const full = Math.max(this.#full.get(who) ?? 0, now) + this.#rate.every;
    this.#full.delete(who);
    this.#full.set(who, full);
    const [oldest] = this.#full.keys();
    if (this.#full.size > MOST && oldest !== undefined) this.#full.delete(oldest);
  }

  /** Restores a caller's whole burst. */
  forget(who: string): void {
    this.#full.delete(who);
  }
}

/** A pool of slots, of which each caller may hold a limited share at the same time. */
export class Shares {
  readonly #all: number;
  readonly #each: number;
  readonly #taken = new Map<string, number>();
  #sum = 0;

  /** @param all number of slots @param each slots that one caller may hold */
  constructor({ all, each }: { all: number; each: number }) {
    this.#all = all;
    this.#each = each;
  }

  /**
   * Takes a slot.
   * @returns a function that releases it, to be called once; `share` if the caller's share is used up, `all` if all
   *   slots are
   */
  take(who: string): (() => void) | 'share' | 'all' {
    const own = this.#taken.get(who) ?? 0;
    if (own >= this.#each) return 'share';
    if (this.#sum >= this.#all) return 'all';
    this.#taken.set(who, own + 1);
    this.#sum += 1;
    return () => {
      const left = (this.#taken.get(who) ?? 0) - 1;
      if (left > 0) this.#taken.set(who, left);
      else this.#taken.delete(who);
      this.#sum -= 1;
    };
  }
}

/**
 * Returns the key under which an address shares an allowance: the address itself, or for IPv6 its /64 network, which
 * one host may own.
 */
export function determineNetwork(address: string): string {
  const plain = address.replace(/^::ffff:(?=[\d.]+$)/i, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const between = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...Array<string>(between).fill('0'), ...back];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
