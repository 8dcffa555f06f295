import { type ControlError, RefusedError } from '../configuration/error.ts';
import { backOff } from './connection/back-off.ts';
import { explainFailure } from './connection/failure.ts';
import { ask, type Surroundings } from './facts.ts';
import { Speaker, type Speech } from './speaker.ts';
import { Wake } from './wake.ts';

/** Most of the pause before the first full state, milliseconds: hosts that start together do not all call at once. */
const JITTER = 5000;

export interface SessionOptions extends Speech {
  /** Gets what the control plane's last answer means: `null` for connected. */
  readonly onOutcome: (failure: ControlError | null) => void;
}

/**
 * The conversation of a node with its control plane: full state, then heartbeats and changes, one call at a time, until
 * it is ended or refused. Failed calls are made again after a pause that grows.
 */
export class Session {
  readonly #speaker: Speaker;
  readonly #options: SessionOptions;
  readonly #surroundings: Surroundings;
  readonly #wake = new Wake();
  #interrupted = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#surroundings = options.surroundings;
    this.#speaker = new Speaker(options);
  }

  /** Virtual machines or pools may have changed: looks at them, and delivers what did. */
  async changed(): Promise<void> {
    await this.#speaker.look();
    if (this.#speaker.hasNews()) this.#wake.wake();
  }

  /**
   * The management address may have changed. If it is another than the control plane was told, the connection, which
   * may hang on the old one, is dropped and a heartbeat goes out at once.
   */
  async addressChanged(): Promise<void> {
    const address = await ask('the management address', () =>
      this.#surroundings.facts.managementAddress(),
    );
    if (address === this.#speaker.toldAddress) return;
    this.#interrupted = true;
    this.#speaker.heartbeatNow();
    this.#speaker.drop();
    this.#wake.wake();
  }

  /** Comes back when the signal is given. @throws RefusedError if the control plane refuses this node */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#pause(this.#surroundings.random() * JITTER, signal);
      let failures = 0;
      while (!signal.aborted) failures = await this.#round(failures, signal);
    } finally {
      this.#speaker.drop();
    }
  }

  /** One step of the conversation. @returns failures in a row */
  async #round(failures: number, signal: AbortSignal): Promise<number> {
    this.#interrupted = false;
    try {
      const spoke = await this.#speaker.speak(signal);
      if (spoke) this.#options.onOutcome(null);
      else await this.#pause(this.#speaker.untilHeartbeat(), signal);
      // The answer may have come just before the call could be ended: it told the old address all the same.
      if (this.#interrupted) this.#speaker.heartbeatNow();
      return 0;
    } catch (error) {
      if (signal.aborted) return failures;
      if (this.#interrupted) return 0;
      const failure = explainFailure(error, this.#options.origin);
      if (failure instanceof RefusedError) throw failure;
      this.#options.onOutcome(failure);
      await this.#holdBack(backOff(failures + 1, this.#surroundings.random()), signal);
      return this.#interrupted ? 0 : failures + 1;
    }
  }

  /** Pauses after a failure; news wait meanwhile, only another address ends it early. */
  async #holdBack(milliseconds: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#surroundings;
    const began = clock.now();
    let left = milliseconds;
    while (left > 0 && left <= milliseconds && !this.#interrupted && !signal.aborted) {
      await this.#pause(left, signal);
      left = milliseconds - (clock.now() - began);
    }
  }

  #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    return this.#wake.sleep(this.#surroundings.clock, milliseconds, signal);
  }
}
