/** Control sequences of terminals (ECMA-48), which are removed from the output. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[()][0-9A-B]|[=>78DEHMc])|\r|\x00/g;

/** The beginning of a control sequence whose end has not arrived yet. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNFINISHED = /\x1b(?:\[[0-?]{0,16}[ -/]{0,4}|[()])?$/;

/** Maximum number of characters kept, because a guest may write without end. */
const MOST_KEPT = 8 * 1024 * 1024;

/** Checks whether a wait can end, and if so, ends it and returns true. `text` returns the text from a position on. */
type Waiter = (text: (from: number) => string) => boolean;

/** A guest's output as text without control sequences; supports waiting for text in it. */
export class Transcript {
  #text = '';
  /** The beginning of a control sequence that is incomplete. */
  #rest = '';
  readonly #decoder = new TextDecoder();
  #waiters: Waiter[] = [];
  #dropped = 0;

  /** All text so far. */
  get text(): string {
    return this.#text;
  }

  /** Current end of the text; a wait from here ignores earlier output. */
  get end(): number {
    return this.#dropped + this.#text.length;
  }

  /** Adds output. */
  append(bytes: Uint8Array): void {
    const raw = this.#rest + this.#decoder.decode(bytes, { stream: true });
    this.#rest = UNFINISHED.exec(raw)?.[0] ?? '';
    this.#text += raw.slice(0, raw.length - this.#rest.length).replace(CONTROL, '');
    this.#shorten();
    this.#waiters = this.#waiters.filter((waiter) => !waiter(this.#from));
  }

  /**
   * Waits for something in the text, including existing text and unfinished lines.
   * @param find gets the text from `from` on; returns `undefined` if it does not contain what is waited for
   * @param from an earlier `end`; the beginning if absent
   * @returns what `find` returned; waits forever if it never finds anything, so combine it with a timeout
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

  /** Returns the last lines, for a message. */
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
