import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseError } from 'pg';
import { ControlPlaneError } from '../error.ts';
import { type DatabaseAddress, openConnection } from './connection.ts';

/** Milliseconds that work may take before the server is asked whether it answers, and between two such questions. */
const PATIENCE = { first: 3_000, next: 10_000 };

/** Milliseconds within which the server must accept a connection: it does so in milliseconds if it is well. */
const ANSWER_WITHIN = 5_000;

/** Thrown if the server does not answer at all: it is frozen, overloaded, or its disk hangs. */
export class SilentDatabaseError extends ControlPlaneError {
  constructor(cause: unknown) {
    super({
      what: 'the database does not answer',
      fix: 'qx-controlplane doctor shows its state. A change may still take effect once it answers.',
      cause,
    });
  }
}

/**
 * Creates a function that awaits work on the database for as long as the server answers. The time limits of statements
 * do not suffice: the server itself enforces them.
 * @returns a function that throws a SilentDatabaseError within seconds after the server fell silent; the work itself
 *   goes on
 */
export function createPatience(address: DatabaseAddress) {
  /** Many pieces of work share a question. */
  let asking: Promise<void> | undefined;
  const askOnce = async () => {
    asking ??= expectAnswer(address).finally(() => {
      asking = undefined;
    });
    await asking;
  };
  return async <T>(work: () => Promise<T>): Promise<T> => {
    const done = new AbortController();
    const watch = async (): Promise<never> => {
      for (let wait = PATIENCE.first; ; wait = PATIENCE.next) {
        await sleep(wait, undefined, { signal: done.signal, ref: false });
        await askOnce();
      }
    };
    const working = work();
    const watching = watch();
    // Whichever ends second is not awaited any more.
    working.catch(() => undefined);
    watching.catch(() => undefined);
    try {
      return await Promise.race([working, watching]);
    } finally {
      done.abort();
    }
  };
}

/** Opens a connection and closes it. @throws SilentDatabaseError if the server does not accept it in time */
async function expectAnswer(address: DatabaseAddress): Promise<void> {
  const opening = openConnection(address);
  // It is closed also if it is opened too late; its failure is reported below, if it comes in time.
  opening.then(
    (client) => client.end(),
    () => undefined,
  );
  const late = new AbortController();
  try {
    const timer = sleep(ANSWER_WITHIN, 'late' as const, { signal: late.signal, ref: false });
    timer.catch(() => undefined);
    if ((await Promise.race([opening, timer])) === 'late') throw new SilentDatabaseError(undefined);
  } catch (error) {
    // A server that refuses the connection answers.
    if (error instanceof Error && error.cause instanceof DatabaseError) return;
    throw error instanceof SilentDatabaseError ? error : new SilentDatabaseError(error);
  } finally {
    late.abort();
  }
}
