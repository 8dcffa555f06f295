import type { Deps } from './deps.ts';
import type { FactName, FactRead, Facts } from './facts.ts';
import type { Box } from './kit/dialog.ts';
import type { Size } from './kit/frame.ts';
import type { Key } from './kit/keys.ts';
import type { Step as ProgramStep } from './kit/program.ts';
import type { Body } from './screens/body.ts';

/**
 * The content below the title: an immutable value that draws itself and handles keys. Its state is set when it is
 * created: a key that changes the state replaces the screen by a new one (`steps.ts`).
 */
export interface Screen {
  /** Facts that it shows: read again when they are outdated, while this screen is shown. */
  readonly facts: readonly FactName[];
  /** True if digits and letters are typed into it. */
  readonly takesText: boolean;
  view(state: State, room: Size): Body;
  /** Handles any key except those of the menu and those that lead back. */
  onKey(state: State, key: Key): Step;
}

/** A dialog over the screen, which receives the keys. */
export interface Dialog {
  /** True for a dialog that only shows a message: the keys of the menu work while it is open. */
  readonly passing: boolean;
  /** Milliseconds between two frames of an animated dialog; `null` if it is not animated. */
  readonly moves: number | null;
  view(state: State, columns: number): Box & { keys: string };
  onKey(state: State, key: Key): Step;
}

/** A request for a fact: answers to earlier requests are ignored. */
export interface Asked {
  /** Milliseconds since 1970. */
  at: number;
  turn: number;
  answered: boolean;
  /** Duration of the last read in milliseconds; 0 before the first. */
  took: number;
  /** When the present value was requested; `undefined` if there is none. */
  known: number | undefined;
}

export interface State {
  /** Name of this appliance, shown until its version is known. */
  product: string;
  size: Size;
  /** Milliseconds since 1970. */
  now: number;
  /** The facts that this appliance has. */
  sources: readonly FactName[];
  facts: Facts;
  /** The last request for each fact. */
  asked: Readonly<Partial<Record<FactName, Asked>>>;
  screen: Screen;
  /** Screens that Escape leads back to; the last of them is shown next. */
  below: readonly Screen[];
  dialog: Dialog | null;
  exitStatus: number | null;
}

/** A state, and the effects to carry out. */
export type Step = ProgramStep<State, Effect>;

/** Returns the step that follows an action, from the state at that moment. */
export type Next = (state: State) => Step;

/** Work that takes a while and that a dialog waits for; a key cancels it. */
export interface Work {
  /** What is being done, shown while a person waits. */
  title: string;
  /** Longest time in milliseconds. */
  limit: number;
  /** Facts that it changes, even if it fails or is cancelled. */
  facts: readonly FactName[];
  run(deps: Deps, signal: AbortSignal): Promise<Next>;
}

/** An effect to carry out. */
export type Effect =
  | { type: 'read'; name: FactName; turn: number }
  | { type: 'await-network-change' }
  | { type: 'work'; work: Work }
  | { type: 'cancel' };

/** The result of an effect. */
export type Event =
  /** `took`: in milliseconds. */
  | { type: 'fact'; turn: number; took: number; fact: FactRead }
  | { type: 'network-changed' }
  | { type: 'done'; work: Work; next: Next }
  | { type: 'failed'; work: Work; problem: string }
  | { type: 'cancelled'; work: Work }
  /** A result that nobody waits for. */
  | { type: 'nothing' };
