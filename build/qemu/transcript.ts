/** Control sequences of terminals (ECMA-48), which say nothing about what was written. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[()][0-9A-B]|[=>78DEHMc])|\r|\x00/g;

/** The beginning of a control sequence whose end has not come yet. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNFINISHED = /\x1b(?:\[[0-?]{0,16}[ -/]{0,4}|[()])?$/;

/** Characters kept; a guest that never stops writing must not fill the memory. */
const MOST_KEPT = 8 * 1024 * 1024;

/** Serves a wait if what it looks for is in the text from a place on; says whether it did. */
type Waiter = (text: (from: number) => string) => boolean;

/** What a guest wrote, as text without control sequences, and who waits for what in it. */
export class Transcript {
  #text = '';
  /** The beginning of a control sequence that is not complete yet. */
  #rest = '';
  readonly #decoder = new TextDecoder();
  #waiters: Waiter[] = [];
  #dropped = 0;

  /** Everything so far. */
  get text(): string {
    return this.#text;
  }

  /** Where the text ends now; a wait from here on sees only what comes later. */
  get end(): number {
    return this.#dropped + this.#text.length;
  }

  /** Takes what was read. */
  append(bytes: Uint8Array): void {
    const raw = this.#rest + this.#decoder.decode(bytes, { stream: true });
    this.#rest = UNFINISHED.exec(raw)?.[0] ?? '';
    this.#text += raw.slice(0, raw.length - this.#rest.length).replace(CONTROL, '');
    this.#shorten();
    this.#waiters = this.#waiters.filter((waiter) => !waiter(this.#from));
  }

  /**
   * Waits for something in the text, also in what is there already, also on a line that has not ended.
   * @param find looks for it
   * @param from `end` at an earlier time; the beginning if absent
   * @returns what was found; waits for ever if it never comes, so race it with a deadline
   */
  waitFor<T>(find: (text: string) => T | undefined, from = 0): Promise<T> {
    return new Promise((resolve) => {
      const waiter: Waiter = (text) => {
        const found = find(text(from));
        if (found === undefined) return false;
        resolve(found);
        return true;
      };
      if (!waiter(this.#from)) this.#waiters.push(waiter);
    });
  }

  /** The last lines, for a message. */
  tail(lines = 20): string {
    return this.#text.trimEnd().split('\n').slice(-lines).join('\n');
  }

  readonly #from = (place: number): string => this.#text.slice(Math.max(0, place - this.#dropped));

  #shorten(): void {
    const over = this.#text.length - MOST_KEPT;
    if (over <= 0) return;
    this.#text = this.#text.slice(over);
    this.#dropped += over;
  }
}
