import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { killChildren } from '../build/process/child-group.ts';

/** Signals that ask the toolchain to end: Ctrl-C, `kill`, and a closed terminal. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

type EndSignal = (typeof SIGNALS)[number];

/**
 * Milliseconds within which a second signal counts as the same key press: the terminal sends Ctrl-C to all processes,
 * and npm sends it again.
 */
const SAME_KEY_PRESS = 500;

/** Handles the signals that ask the process to end, from its creation until it is disposed of. */
export class Interrupt implements Disposable {
  readonly #cancel = new AbortController();
  #received: EndSignal | undefined;
  #receivedAt = 0;
  readonly #watcher: ChildProcess | undefined;

  /** @param terminal whether a person may press Ctrl-C */
  constructor({ terminal = process.stdin.isTTY === true } = {}) {
    if (terminal) this.#watcher = watchForHang();
    // Not `once`: the terminal renderer ends the process on a signal that has no other listener.
    for (const signal of SIGNALS) process.on(signal, this.#heed);
  }

  /** Aborted by the first signal, to end in an orderly way; a second one ends the process and its children at once. */
  get signal(): AbortSignal {
    return this.#cancel.signal;
  }

  /** Exit code for the signal received: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP. */
  get exitCode(): number | undefined {
    return this.#received === undefined ? undefined : exitCodeOf(this.#received);
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#heed);
    this.#watcher?.stdin?.end();
  }

  readonly #heed = (signal: EndSignal): void => {
    this.#watcher?.stdin?.write('heard\n');
    if (this.#received === undefined) {
      this.#received = signal;
      this.#receivedAt = performance.now();
      this.#cancel.abort();
    } else if (performance.now() - this.#receivedAt > SAME_KEY_PRESS) {
      killChildren();
      process.stderr.write('Ended at once. The next build removes what is half-made.\n');
      process.exit(exitCodeOf(signal));
    }
  };
}

/** Starts the program that ends this one if it hangs; it is in the same process group and also receives Ctrl-C. */
function watchForHang(): ChildProcess {
  const script = join(import.meta.dirname, 'watch-hang.sh');
  const watcher = spawn('sh', [script], { stdio: ['pipe', 'ignore', 'inherit'] });
  // It is optional: errors of the watcher are ignored.
  watcher.on('error', () => undefined);
  watcher.stdin?.on('error', () => undefined);
  // It must not keep this process alive.
  watcher.unref();
  return watcher;
}

/** As in shells: 128 plus the number of the signal. */
function exitCodeOf(signal: EndSignal): number {
  return 128 + constants.signals[signal];
}
