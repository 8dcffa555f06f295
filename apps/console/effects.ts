import { once } from 'node:events';
import { ACTION_LIMIT, perform, titleOf } from './actions.ts';
import type { Deps, FactName, FactValues, Read } from './deps.ts';
import type { FactRead } from './facts.ts';
import { plain } from './kit/text.ts';
import type { Effect, Event } from './state.ts';

/** Milliseconds that reading a fact may take. */
const READ_LIMIT = 15_000;
/** Milliseconds that a look for WiFi networks may take. */
const SCAN_LIMIT = 30_000;
/** Milliseconds that a password's check may take; the hash is slow on purpose, and wrong passwords before it cost time. */
const PASSWORD_LIMIT = 90_000;

/** Thrown for what did not end in time; its message is for the person who waits. */
class TimeLimitError extends Error {
  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds / 1000} s`);
    this.name = 'TimeLimitError';
  }
}

/** Carries out effects; one at a time of those that a dialog waits for can be cancelled. */
export class Effects {
  readonly #deps: Deps;
  #waitedFor = new AbortController();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Does what an effect says and tells what came of it. Whatever fails becomes an event; nothing is thrown. */
  async carryOut(effect: Effect, signal: AbortSignal): Promise<Event> {
    switch (effect.type) {
      case 'read':
        return {
          type: 'fact',
          turn: effect.turn,
          fact: await readFact(this.#deps, effect.name, signal),
        };
      case 'read-log':
        return readLog(this.#deps, effect.source, signal);
      case 'await-network-change':
        return this.#deps.networkChange(signal).then(
          () => ({ type: 'network-changed' }),
          () => ({ type: 'network-unwatched' }),
        );
      case 'cancel':
        this.#waitedFor.abort();
        return { type: 'cancelled' };
      default:
        return this.#waitFor(effect, signal);
    }
  }

  async #waitFor(effect: Waited, signal: AbortSignal): Promise<Event> {
    this.#waitedFor = new AbortController();
    const cancelled = this.#waitedFor.signal;
    const { title, limit, work } = plan(effect, this.#deps);
    try {
      return await within(limit, AbortSignal.any([signal, cancelled]), work);
    } catch (error) {
      if (cancelled.aborted) return { type: 'cancelled' };
      return { type: 'failed', title, problem: wordsOf(error) };
    }
  }
}

/** Effects that a dialog waits for. */
type Waited = Extract<
  Effect,
  { type: 'scan' | 'ask-password-state' | 'check-password' | 'perform' }
>;

interface Plan {
  title: string;
  /** Milliseconds. */
  limit: number;
  work: Read<Event>;
}

function plan(effect: Waited, deps: Deps): Plan {
  switch (effect.type) {
    case 'scan':
      return {
        title: `Looking for WiFi networks on ${effect.interface}`,
        limit: SCAN_LIMIT,
        work: async (signal) => {
          const found = await deps.scanWifi(effect.interface, signal);
          return { type: 'scanned', interface: effect.interface, found };
        },
      };
    case 'ask-password-state':
      return {
        title: titleOf(effect.action),
        limit: PASSWORD_LIMIT,
        work: async (signal) => {
          const state = await deps.passwordState(signal);
          return { type: 'password-state', action: effect.action, state };
        },
      };
    case 'check-password':
      return {
        title: titleOf(effect.action),
        limit: PASSWORD_LIMIT,
        work: async (signal) => {
          const right = await deps.checkPassword(effect.password, signal);
          return { type: 'password-checked', action: effect.action, right };
        },
      };
    case 'perform':
      return {
        title: titleOf(effect.action),
        limit: ACTION_LIMIT,
        work: async (signal) => {
          const message = await perform(effect.action, deps, signal);
          return { type: 'performed', action: effect.action, message };
        },
      };
  }
}

function readFact(deps: Deps, name: FactName, signal: AbortSignal): Promise<FactRead> {
  switch (name) {
    case 'host':
      return readAs(deps.facts.host, signal, (fact) => ({ name, ...fact }));
    case 'network':
      return readAs(deps.facts.network, signal, (fact) => ({ name, ...fact }));
    case 'services':
      return readAs(deps.facts.services, signal, (fact) => ({ name, ...fact }));
    case 'ssh':
      return readAs(deps.facts.ssh, signal, (fact) => ({ name, ...fact }));
    case 'health':
      return readAs(deps.facts.health, signal, (fact) => ({ name, ...fact }));
    case 'readiness':
      return readAs(deps.facts.readiness, signal, (fact) => ({ name, ...fact }));
    case 'vms':
      return readAs(deps.facts.vms, signal, (fact) => ({ name, ...fact }));
    case 'pools':
      return readAs(deps.facts.pools, signal, (fact) => ({ name, ...fact }));
    case 'stop':
      return readAs(deps.facts.stop, signal, (fact) => ({ name, ...fact }));
  }
}

async function readAs<T extends FactValues[FactName]>(
  read: Read<T> | undefined,
  signal: AbortSignal,
  toFact: (fact: { value: T | null; problem: string | null }) => FactRead,
): Promise<FactRead> {
  if (read === undefined) return toFact({ value: null, problem: 'not known on this appliance' });
  try {
    return toFact({ value: await within(READ_LIMIT, signal, read), problem: null });
  } catch (error) {
    return toFact({ value: null, problem: wordsOf(error) });
  }
}

async function readLog(
  deps: Deps,
  source: Extract<Effect, { type: 'read-log' }>['source'],
  signal: AbortSignal,
): Promise<Event> {
  try {
    const lines = await within(READ_LIMIT, signal, (limited) => deps.readLog(source, limited));
    return { type: 'log', source, lines, problem: null };
  } catch (error) {
    return { type: 'log', source, lines: null, problem: wordsOf(error) };
  }
}

/**
 * What some work gives, if it is done in time. Work that heeds its signal late, or never, is not waited for.
 * @throws TimeLimitError, the signal's reason, or what the work throws
 */
export async function within<T>(
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
  return plain(error instanceof Error ? error.message : String(error)).trim();
}
