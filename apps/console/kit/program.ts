import type { Frame, Size } from './frame.ts';
import type { Key } from './keys.ts';

/** A state, and what is to be done now that it is reached. */
export interface Step<State, Effect> {
  state: State;
  effects: readonly Effect[];
}

/** What happens to every program. */
export type Happening =
  | { type: 'key'; key: Key }
  | { type: 'resize'; size: Size }
  /** Milliseconds since 1970. */
  | { type: 'tick'; now: number };

/** A program for a terminal: a state, a pure function from one to the next, and a pure picture of it. */
export interface Program<State, Event, Effect> {
  start(size: Size, now: number): Step<State, Effect>;
  update(state: State, event: Event | Happening): Step<State, Effect>;
  view(state: State): Frame;
  /** Does what is to be done, and tells what came of it; never throws. It ends early when the signal is aborted. */
  carryOut(effect: Effect, signal: AbortSignal): Promise<Event>;
  /** Whether an event can wait a little to be drawn, together with others that come soon after it. */
  canWait(event: Event): boolean;
  /** Milliseconds between ticks. */
  tickAfter(state: State): number;
  /** Exit status of a program that is over; `null` while it goes on. */
  exitStatus(state: State): number | null;
}
