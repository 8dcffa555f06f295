import { authorize } from './authorization.ts';
import type { Deps } from './deps.ts';
import { runWork, showMessage } from './dialogs.ts';
import type { FactName } from './facts.ts';
import type { Next, State, Step } from './state.ts';
import { andThen, back, backToMenu, stay } from './steps.ts';

/** Longest time of a change in milliseconds: more than the limit of any command that it runs. */
const LIMIT = 200_000;

/** Where to go after a change: stay on the screen, back to the previous one, or to the one opened from the menu. */
const WAYS = { stay, back, menu: backToMenu };

/** A change of the machine, which needs root's password if there is one. */
export interface Change {
  /** What is being done, shown while a person waits. */
  title: string;
  /** Facts that it changes. */
  facts: readonly FactName[];
  leads: keyof typeof WAYS;
  /** Makes the change. @returns a message for the person, or the next step */
  run(deps: Deps, signal: AbortSignal): Promise<string | Next>;
}

/** Makes a change, after asking for the password, and shows the result. */
export function requestChange(state: State, { title, facts, leads, run }: Change): Step {
  return authorize(state, title, (allowed) =>
    runWork(allowed, {
      title,
      limit: LIMIT,
      facts,
      run: async (deps, signal) => {
        const done = await run(deps, signal);
        const next = (now: State) =>
          typeof done === 'string' ? showMessage(now, 'Done', done) : done(now);
        return (now) => andThen(WAYS[leads](now), next);
      },
    }),
  );
}

/** Joins a result with its warnings, if there are any. */
export function withNotices(done: string, notices: readonly string[]): string {
  return notices.length === 0 ? done : `${done} Note: ${notices.join('; ')}`;
}
