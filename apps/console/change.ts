import { authorize } from './authorization.ts';
import type { Deps } from './deps.ts';
import { tell, work } from './dialogs.ts';
import type { FactName } from './facts.ts';
import type { Next, State, Step } from './state.ts';
import { andThen, back, backToMenu, stay } from './steps.ts';

/** Milliseconds that a change may take at most: longer than any command that it runs is allowed to. */
const LIMIT = 200_000;

/** Where one is after a change: on the same screen, on the one before, or on the one that the menu leads to. */
const WAYS = { stay, back, menu: backToMenu };

/** A change of the machine, which needs root's password, once there is one. */
export interface Change {
  /** What is being done, for a person who waits. */
  title: string;
  /** Facts that it changes. */
  facts: readonly FactName[];
  leads: keyof typeof WAYS;
  /** Does it. @returns what to tell the person, or how it goes on */
  run(deps: Deps, signal: AbortSignal): Promise<string | Next>;
}

/** Makes a change, after the password, and tells what came of it. */
export function request(state: State, { title, facts, leads, run }: Change): Step {
  return authorize(state, title, (allowed) =>
    work(allowed, {
      title,
      limit: LIMIT,
      facts,
      run: async (deps, signal) => {
        const done = await run(deps, signal);
        const next = (now: State) =>
          typeof done === 'string' ? tell(now, 'Done', done) : done(now);
        return (now) => andThen(WAYS[leads](now), next);
      },
    }),
  );
}

/** What was done, and what is to be minded, if anything. */
export function withNotices(done: string, notices: readonly string[]): string {
  return notices.length === 0 ? done : `${done} Note: ${notices.join('; ')}`;
}
