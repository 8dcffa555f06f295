import { once } from 'node:events';
import { messageOf } from '../error.ts';
import type { Deps, Read } from './deps.ts';
import type { FactName, FactRead } from './facts.ts';
import { plain } from './kit/text.ts';
import type { Effect, Event, Work } from './state.ts';

/** Milliseconds that reading a fact may take. */
const READ_LIMIT = 15_000;

/** Thrown if something did not end in time; its message is for the person who waits. */
class TimeLimitError extends Error {
  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds / 1000} s`);
    this.name = 'TimeLimitError';
  }
}

/** Carries out effects; the one that a dialog waits for can be cancelled. */
export class Effects {
  readonly #deps: Deps;
  #waitedFor = new AbortController();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Carries out an effect and returns its result. Failures become events; nothing is thrown. */
  async carryOut(effect: Effect, signal: AbortSignal): Promise<Event> {
    switch (effect.type) {
      case 'read': {
        const { name, turn } = effect;
        const began = performance.now();
        const fact = await readFact(this.#deps, name, signal);
        return { type: 'fact', turn, took: performance.now() - began, fact };
      }
      case 'await-network-change':
        // If the network cannot be watched, it is still read at intervals.
        return this.#deps.networkChange(signal).then(
          () => ({ type: 'network-changed' }),
          () => ({ type: 'nothing' }),
        );
      case 'cancel':
        this.#waitedFor.abort();
        return { type: 'nothing' };
      case 'work':
        return this.#waitFor(effect.work, signal);
    }
  }

  async #waitFor(work: Work, signal: AbortSignal): Promise<Event> {
    this.#waitedFor = new AbortController();
    const cancelled = this.#waitedFor.signal;
    const run = (limited: AbortSignal) => work.run(this.#deps, limited);
    try {
      const next = await limitTime(work.limit, AbortSignal.any([signal, cancelled]), run);
      return { type: 'done', work, next };
    } catch (error) {
      if (cancelled.aborted) return { type: 'cancelled', work };
      return { type: 'failed', work, problem: wordsOf(error) };
    }
  }
}

async function readFact<Name extends FactName>(
  deps: Deps,
  name: Name,
  signal: AbortSignal,
): Promise<FactRead<Name>> {
  const read = deps.facts[name];
  if (read === undefined) return { name, value: null, problem: 'not known on this appliance' };
  try {
    return { name, value: await limitTime(READ_LIMIT, signal, read), problem: null };
  } catch (error) {
    return { name, value: null, problem: wordsOf(error) };
  }
}

/**
 * Awaits work with a time limit. Does not wait longer for work that ignores its signal.
 * @throws TimeLimitError, the signal's reason, or what the work throws
 */
export async function limitTime<T>(
  milliseconds: number,
  signal: AbortSignal,
  work: Read<T>,
): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new TimeLimitError(milliseconds)), milliseconds);
  const either = AbortSignal.any([signal, limit.signal]);
  const done = new AbortController();
  const interrupted = async (): Promise<never> => {
    if (!either.aborted) await once(either, 'abort', { signal: done.signal });
    throw either.reason;
  };
  try {
    return await Promise.race([work(either), interrupted()]);
  } finally {
    clearTimeout(timer);
    done.abort();
  }
}

function wordsOf(error: unknown): string {
  return plain(messageOf(error)).trim();
}
