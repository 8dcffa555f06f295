import { syncBuiltinESMExports } from 'node:module';
import promises, { setImmediate as turn } from 'node:timers/promises';

interface Timer {
  due: number;
  run: () => void;
}

/** Kinds of events besides time that a program waits for: files, children and their output. */
const WORK = ['FSReqPromise', 'FSReqCallback', 'ProcessWrap', 'PipeWrap'];

/**
 * Number of busy turns of the event loop after which each turn waits for a real millisecond, because a child process
 * needs real time.
 */
const TURNS = 50;

/** Turns after which work counts as endless. */
const LONGEST = 30_000;

/**
 * Virtual time: this program's timers fire one after the other, as soon as no operation is running. Replaces Node's
 * timers permanently and for the whole process; the clock is unchanged.
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
   * @param quiet result of `atWork` when the program is idle
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

/**
 * Returns the number of operations of an idle program: waits until the number has not changed for half a second of real
 * time.
 */
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
