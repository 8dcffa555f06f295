import type { Frame, Size } from './frame.ts';
import type { Key } from './keys.ts';

/** A state, and the effects to carry out. */
export interface Step<State, Effect> {
  state: State;
  effects: readonly Effect[];
}

/** Events of every program. */
export type CommonEvent =
  | { type: 'key'; key: Key }
  | { type: 'resize'; size: Size }
  /** Milliseconds since 1970. */
  | { type: 'tick'; now: number };

/** A terminal program: a state, a pure function to the next state, and a pure view of it. */
export interface Program<State, Event, Effect> {
  start(size: Size, now: number): Step<State, Effect>;
  update(state: State, event: Event | CommonEvent): Step<State, Effect>;
  view(state: State): Frame;
  /** Carries out an effect, and resolves with its result; never rejects. Ends early when the signal is aborted. */
  carryOut(effect: Effect, signal: AbortSignal): Promise<Event>;
  /** Whether drawing can be delayed after an event, to combine it with events that follow soon. */
  canWait(event: Event): boolean;
  /** Milliseconds between ticks. */
  tickAfter(state: State): number;
  /** Exit status of a program that has ended; `null` while it runs. */
  exitStatus(state: State): number | null;
}
