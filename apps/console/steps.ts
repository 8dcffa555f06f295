import type { Dialog, Screen, State, Step } from './state.ts';

/** Keeps the state, without effects. */
export function stay(state: State): Step {
  return { state, effects: [] };
}

/** Replaces the shown screen by another one, or by another state of it. */
export function show(state: State, screen: Screen): Step {
  return stay({ ...state, screen });
}

/** Opens a screen from which Escape leads back to the present one. */
export function enter(state: State, screen: Screen): Step {
  return stay({ ...state, screen, below: [...state.below, state.screen] });
}

/** Goes back to the previous screen. */
export function back(state: State): Step {
  const screen = state.below.at(-1);
  return screen === undefined
    ? stay(state)
    : stay({ ...state, screen, below: state.below.slice(0, -1) });
}

/** Goes back to the screen that was opened from the menu. */
export function backToMenu(state: State): Step {
  const [first, second = state.screen] = state.below;
  if (first === undefined) return stay(state);
  return stay({ ...state, screen: second, below: [first] });
}

/** Opens a dialog over the screen; `null` closes it. */
export function open(state: State, dialog: Dialog | null): Step {
  return stay({ ...state, dialog });
}

/** Combines a step with the step that follows it. */
export function andThen({ state, effects }: Step, next: (state: State) => Step): Step {
  const step = next(state);
  return { state: step.state, effects: [...effects, ...step.effects] };
}

/** Ends the program. */
export function leave(state: State, exitStatus: number): Step {
  return stay({ ...state, exitStatus });
}
