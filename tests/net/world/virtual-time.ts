import { syncBuiltinESMExports } from 'node:module';
import promises, { setImmediate as turn } from 'node:timers/promises';

interface Timer {
  due: number;
  run: () => void;
}

/** Kinds of events besides time that a program waits for: files, children and their output. */
const WORK = ['FSReqPromise', 'FSReqCallback', 'ProcessWrap', 'PipeWrap'];

/** Turns of the event loop, at work, after which a millisecond of the real time is waited for: a child takes some. */
const TURNS = 50;

/** Turns after which work counts as endless. */
const LONGEST = 30_000;

/**
 * Time that passes at once: all that this program's timers wait for comes one after the other, as soon as nothing is at work.
 * It takes the place of the timers of Node that sleep, for the whole process, for good; what the clock shows stays.
 */
export class VirtualTime {
  /** Milliseconds that have passed. */
  passed = 0;
  readonly #timers = new Set<Timer>();
  readonly #really = promises.setTimeout;

  constructor() {
    globalThis.setTimeout = ((run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
      this.#add(ms, () => run(...args))) as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((timer: Timer) => {
      this.#timers.delete(timer);
    }) as unknown as typeof clearTimeout;
    AbortSignal.timeout = (ms) => {
      const limit = new AbortController();
      this.#add(ms, () => limit.abort(new DOMException('time is over', 'TimeoutError')));
      return limit.signal;
    };
    Object.assign(promises, {
      setTimeout: (ms: number, value: unknown, options?: { signal?: AbortSignal }) =>
        this.#sleep(ms, value, options?.signal),
      setInterval: (ms: number, value: unknown, options?: { signal?: AbortSignal }) =>
        this.#again(ms, value, options?.signal),
    });
    syncBuiltinESMExports();
  }

  /**
   * Lets time pass.
   * @param quiet what is at work where nothing is, of `atWork`
   */
  async pass(ms: number, quiet: number): Promise<void> {
    const end = this.passed + ms;
    for (;;) {
      await this.#untilQuiet(quiet);
      const [next] = [...this.#timers].sort((a, b) => a.due - b.due);
      if (next === undefined || next.due > end) break;
      this.#timers.delete(next);
      this.passed = Math.max(this.passed, next.due);
      next.run();
    }
    this.passed = end;
  }

  async #untilQuiet(quiet: number): Promise<void> {
    for (let [idle, busy] = [0, 0]; idle < 3; ) {
      await turn();
      const works = atWork() > quiet;
      [idle, busy] = works ? [0, busy + 1] : [idle + 1, busy];
      if (busy > TURNS) await this.#really(1);
      if (busy > LONGEST) throw new Error(`at work: ${process.getActiveResourcesInfo()}`);
    }
  }

  #add(ms: number, run: () => void) {
    const timer = { due: this.passed + ms, run, ref: () => timer, unref: () => timer };
    this.#timers.add(timer);
    return timer;
  }

  async #sleep(ms: number, value: unknown, signal?: AbortSignal): Promise<unknown> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = this.#add(ms, () => resolve(value));
    const stop = () => reject(signal?.reason);
    signal?.addEventListener('abort', stop);
    try {
      return await promise;
    } finally {
      this.#timers.delete(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  async *#again(ms: number, value: unknown, signal?: AbortSignal): AsyncGenerator<unknown> {
    for (;;) yield await this.#sleep(ms, value, signal);
  }
}

/** What is at work where nothing is: waits, of the real time, until that has been the same for half a second. */
export async function whatIsQuiet(): Promise<number> {
  let [quiet, since] = [atWork(), performance.now()];
  while (performance.now() - since < 500) {
    await turn();
    const now = atWork();
    if (now !== quiet) [quiet, since] = [now, performance.now()];
  }
  return quiet;
}

/** Number of operations that this program has started but not finished. */
function atWork(): number {
  return process.getActiveResourcesInfo().filter((name) => WORK.includes(name)).length;
}
