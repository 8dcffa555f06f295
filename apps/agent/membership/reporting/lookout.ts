import type { Surroundings } from '../facts.ts';
import { type Observation, observe } from './observe.ts';
import { VmMessages } from './vm-message.ts';

/** Looks at the host, one look after another, so that an older look never comes after a newer one. */
export class Lookout {
  readonly #surroundings: Surroundings;
  readonly #messages = new VmMessages();
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<Observation> | undefined;
  #latest: Observation | undefined;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** What was seen last, if anything was. */
  get latest(): Observation | undefined {
    return this.#latest;
  }

  /** A look that begins after this call; callers that wait at the same time share one. */
  look(): Promise<Observation> {
    this.#next ??= this.#after(this.#running);
    return this.#next;
  }

  async #after(running: Promise<unknown>): Promise<Observation> {
    await running;
    this.#next = undefined;
    const look = observe(this.#surroundings, this.#messages);
    this.#running = look;
    this.#latest = await look;
    return this.#latest;
  }
}
