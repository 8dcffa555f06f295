import type { Deps } from './deps.ts';
import type { FactName, FactRead, Facts } from './facts.ts';
import type { Box } from './kit/dialog.ts';
import type { Size } from './kit/frame.ts';
import type { Key } from './kit/keys.ts';
import type { Step as ProgramStep } from './kit/program.ts';
import type { Body } from './screens/body.ts';

/**
 * What is below the title: a value that knows how it looks and what keys make of it. Its own state is what it was made
 * from, so a key that changes it shows another one in its place (`steps.ts`).
 */
export interface Screen {
  /** What it shows: asked for again where it is old, and only while this screen is shown. */
  readonly facts: readonly FactName[];
  /** True if digits and letters are typed into it. */
  readonly takesText: boolean;
  view(state: State, room: Size): Body;
  /** Any key but those of the menu and those that lead back. */
  onKey(state: State, key: Key): Step;
}

/** What lies over the screen, and takes the keys. */
export interface Dialog {
  /** True for what only tells something: the menu leads on from it, as from a screen. */
  readonly passing: boolean;
  /** Milliseconds between two looks at it, where it moves. */
  readonly moves: number | null;
  view(state: State, columns: number): Box & { keys: string };
  onKey(state: State, key: Key): Step;
}

/** A question for a fact: answers to earlier ones are no longer of interest. */
export interface Asked {
  /** Milliseconds since 1970. */
  at: number;
  turn: number;
  answered: boolean;
  /** Milliseconds that the last answer took; 0 before the first. */
  took: number;
  /** When what is known was asked for; `undefined` if nothing is known. */
  known: number | undefined;
}

export interface State {
  /** What this appliance is called before its version is known. */
  product: string;
  size: Size;
  /** Milliseconds since 1970. */
  now: number;
  /** The facts that this appliance has. */
  sources: readonly FactName[];
  facts: Facts;
  /** The last time that each fact was asked for. */
  asked: Readonly<Partial<Record<FactName, Asked>>>;
  screen: Screen;
  /** The screens that Escape leads back to, the next one last. */
  below: readonly Screen[];
  dialog: Dialog | null;
  exitStatus: number | null;
}

/** A state, and what is to be done outside now that it is reached. */
export type Step = ProgramStep<State, Effect>;

/** How it goes on once something is known. */
export type Next = (state: State) => Step;

/** Something that takes a while and that a dialog waits for, with a key that cancels it. */
export interface Work {
  /** What is being done, for a person who waits. */
  title: string;
  /** Milliseconds that it may take. */
  limit: number;
  /** What it changes, even where it fails or is cancelled. */
  facts: readonly FactName[];
  run(deps: Deps, signal: AbortSignal): Promise<Next>;
}

/** What is to be done outside. */
export type Effect =
  | { type: 'read'; name: FactName; turn: number }
  | { type: 'await-network-change' }
  | { type: 'work'; work: Work }
  | { type: 'cancel' };

/** What came of it. */
export type Event =
  /** `took`: milliseconds. */
  | { type: 'fact'; turn: number; took: number; fact: FactRead }
  | { type: 'network-changed' }
  | { type: 'done'; work: Work; next: Next }
  | { type: 'failed'; work: Work; problem: string }
  | { type: 'cancelled'; work: Work }
  /** Nothing that anybody waits for. */
  | { type: 'nothing' };
