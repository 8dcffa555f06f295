import type { Action } from './actions.ts';
import type { Step as ProgramStep } from './kit/program.ts';
import type { Dialog, Effect, Screen, State } from './state.ts';

export type Step = ProgramStep<State, Effect>;

/** Nothing happens. */
export function stay(state: State): Step {
  return { state, effects: [] };
}

/** Shows a screen; what it needs of facts is read by `polling.ts`. */
export function show(state: State, screen: Screen): Step {
  return stay({ ...state, screen });
}

/** Opens a dialog over the screen. */
export function open(state: State, dialog: Dialog): Step {
  return stay({ ...state, dialog });
}

/** Tells something that is to be acknowledged. */
export function tell(state: State, title: string, text: string): Step {
  return open(state, { name: 'message', title, text });
}

/** Does something that takes a while, with a dialog that shows it. */
export function work(state: State, title: string, effect: Effect): Step {
  return { state: { ...state, dialog: { name: 'working', title, turn: 0 } }, effects: [effect] };
}

/** Asks before an action. */
export function confirm(
  state: State,
  question: { title: string; text: string; action: Action },
): Step {
  return open(state, { name: 'confirm', ...question });
}

/** Leaves the program. */
export function leave(state: State, exitStatus: number): Step {
  return stay({ ...state, exitStatus });
}
