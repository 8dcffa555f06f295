/** How often something may be done. */
export interface Rate {
  /** As often at once. */
  readonly burst: number;
  /** Milliseconds until it may be done once more. */
  readonly every: number;
}

/** Most of those that are counted; more than there are nodes. Beyond that the one that did least lately is forgotten. */
const MOST = 20_000;

/** Counts how often each of many does something, and says when it is too much. */
export class Allowance {
  readonly #rate: Rate;
  readonly #elapsed: () => number;
  /** When each will have its whole burst again; least recently used first. */
  readonly #full = new Map<string, number>();

  /** @param elapsed milliseconds that passed since some moment */
  constructor(rate: Rate, elapsed: () => number = () => performance.now()) {
    this.#rate = rate;
    this.#elapsed = elapsed;
  }

  /** Milliseconds until this one may do it again; 0 if it may now. */
  wait(who: string): number {
    const { burst, every } = this.#rate;
    const now = this.#elapsed();
    const full = Math.max(this.#full.get(who) ?? 0, now);
    return Math.max(0, full - now - (burst - 1) * every);
  }

  /** Counts that it was done once. */
  count(who: string): void {
    const now = this.#elapsed();
    const full = Math.max(this.#full.get(who) ?? 0, now) + this.#rate.every;
    this.#full.delete(who);
    this.#full.set(who, full);
    const [oldest] = this.#full.keys();
    if (this.#full.size > MOST && oldest !== undefined) this.#full.delete(oldest);
  }

  /** Gives one its whole burst again. */
  forget(who: string): void {
    this.#full.delete(who);
  }
}

/** Places that many take for a while, of which each may have a share at the same time. */
export class Shares {
  readonly #all: number;
  readonly #each: number;
  readonly #taken = new Map<string, number>();
  #sum = 0;

  /** @param all places in all @param each places that one may have */
  constructor({ all, each }: { all: number; each: number }) {
    this.#all = all;
    this.#each = each;
  }

  /** Takes a place. @returns what gives it back, once; or whether this one's share is taken, or all places are */
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

/** Who shares an allowance: an address, and of IPv6 the network of 64 bits that one host may have to itself. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=[\d.]+$)/i, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const between = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...Array<string>(between).fill('0'), ...back];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
