import type { Dialog, Screen, State, Step } from './state.ts';

/** Nothing happens. */
export function stay(state: State): Step {
  return { state, effects: [] };
}

/** Shows another state of a screen, or another screen, in place of the one that is shown. */
export function show(state: State, screen: Screen): Step {
  return stay({ ...state, screen });
}

/** Goes on to a screen from which Escape leads back to this one. */
export function enter(state: State, screen: Screen): Step {
  return stay({ ...state, screen, below: [...state.below, state.screen] });
}

/** Goes to where Escape leads. */
export function back(state: State): Step {
  const screen = state.below.at(-1);
  return screen === undefined
    ? stay(state)
    : stay({ ...state, screen, below: state.below.slice(0, -1) });
}

/** Goes back to the screen that the menu led to. */
export function backToMenu(state: State): Step {
  const [first, second = state.screen] = state.below;
  if (first === undefined) return stay(state);
  return stay({ ...state, screen: second, below: [first] });
}

/** Opens a dialog over the screen. */
export function open(state: State, dialog: Dialog | null): Step {
  return stay({ ...state, dialog });
}

/** One step after the other. */
export function andThen({ state, effects }: Step, next: (state: State) => Step): Step {
  const step = next(state);
  return { state: step.state, effects: [...effects, ...step.effects] };
}

/** Leaves the program. */
export function leave(state: State, exitStatus: number): Step {
  return stay({ ...state, exitStatus });
}
