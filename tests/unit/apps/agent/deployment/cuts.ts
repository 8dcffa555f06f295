import { promises } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** Thrown where a process would have been gone. */
export class Cut extends Error {}

const CALLS = ['open', 'rename', 'rm', 'mkdir', 'writeFile', 'readFile', 'readdir'] as const;

/**
 * Does some work and cuts it at one of its calls to the file system, as kill -9 does: that call and all later ones of the work do
 * not happen, those that clean up neither.
 * @param at the number of the call, from 0
 * @returns whether the work came to its end before
 */
export async function cutAt(at: number, work: () => Promise<unknown>): Promise<boolean> {
  const real = { ...promises };
  let calls = 0;
  const guard = <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) => {
    return async (...args: Args): Promise<Result> => {
      if (calls++ >= at) throw new Cut();
      return await call(...args);
    };
  };
  const guarded = Object.fromEntries(CALLS.map((name) => [name, guard(real[name] as never)]));
  Object.assign(promises, guarded);
  syncBuiltinESMExports();
  try {
    await work();
  } catch (error) {
    if (calls <= at) throw error;
  } finally {
    Object.assign(promises, real);
    syncBuiltinESMExports();
  }
  return calls <= at;
}
