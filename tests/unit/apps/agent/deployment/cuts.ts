import { promises } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** Thrown at the call at which the process would have been killed. */
export class Cut extends Error {}

const CALLS = ['open', 'rename', 'rm', 'mkdir', 'writeFile', 'readFile', 'readdir'] as const;

/**
 * Runs some work and cuts it at one of its file system calls, as kill -9 does: this call and all later ones do not
 * happen, not even those that clean up.
 * @param at the number of the call, from 0
 * @returns whether the work ended before the cut
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
