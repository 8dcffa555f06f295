import type { Database } from '../database/database.ts';
import type { Name, Package, Provider } from '../database/model.ts';
import { NO_TAG } from '../database/tags.ts';

/** The set of tags that holds only `NO_TAG`. */
export const ONLY_UNTAGGED = 1 << NO_TAG;

/** Most names have no dependents; they share one empty list, which is never changed. */
export const NO_STATES: NameState[] = [];

/** State of a name during one run of the solver. */
export interface NameState {
  readonly name: Name;
  seen: boolean;
  /** Names whose packages depend on this one or conflict with it. */
  reverseDepends: NameState[];
  /** Whether it is decided; `chosen` is then its provider, or `undefined` if it has none. */
  locked: boolean;
  chosen: Provider | undefined;
  /** Number of dependencies that require it. */
  requirers: number;
  /**
   * Names are decided in descending order of this number. It is the position in the order of discovery (a name comes
   * after the names it depends on), plus a large number if a package has this name, and a larger one if the user named
   * it.
   */
  order: number;
  /** Whether the user named it. */
  named: boolean;
  reconsiderDepends: boolean;
  reconsiderInstallIf: boolean;
  queued: boolean;
  /** The list of undecided names that it is in, if any. */
  waiting: Waiting | undefined;
  /** Whether the `install_if` of a provider is satisfied. */
  hasInstallIf: boolean;
  /** Whether the `install_if` of no provider can still be satisfied. */
  noInstallIf: boolean;
  /** Whether a package has an `install_if` on the absence of this name. */
  absenceCounts: boolean;
  /** Whether there is more than one candidate, or one that its tags do not allow. */
  hasOptions: boolean;
  /** Whether a candidate may be chosen automatically: see `isAutoSelectable`, or its `install_if` is satisfied. */
  hasAutoSelectable: boolean;
  reverseDependsDone: boolean;
  /** Number of candidates so far that depend on the name; counting stops at the first one that does not. */
  mergeDepends: number;
  /** Number of candidates so far that provide the name; counting stops at the first one that does not. */
  mergeProvides: number;
  hasVirtualProvides: boolean;
  /** Used while changes are listed. */
  installedPackage: Package | undefined;
  installedName: NameState | undefined;
  processed: boolean;
  removed: boolean;
}

/**
 * Lists of undecided names: those with exactly one possible choice, those with a candidate that may be chosen
 * automatically, and the others.
 */
type Waiting = 'forced' | 'selectable' | 'other';

/** State of a package during one run of the solver. */
export interface PackageState {
  seen: boolean;
  /** Whether it is available and no decision so far excludes it. */
  selectable: boolean;
  /** Whether a repository has it. */
  available: boolean;
  /** Whether the tags of its requirers allow it. */
  tagAllowed: boolean;
  /** Whether the tags of its requirers prefer it. */
  tagPreferred: boolean;
  allowedTags: number;
  installIfTriggered: boolean;
  installIfFailed: boolean;
  dependenciesMerged: boolean;
  dependenciesUsed: boolean;
  conflicts: number;
  flags: number;
  inheritableFlags: number;
  erroneous: boolean;
  inChanges: boolean;
}

/** Everything that one run of the solver changes. */
export class SolverState {
  readonly database: Database;
  /** Whether only the package manager itself is being upgraded. */
  readonly selfUpgrade: boolean;
  readonly ignoreConflicts: boolean;
  /** Bit set of the repositories without a tag. */
  readonly defaultRepositories: number;
  /** Preferences that world passes on while its dependencies are applied. */
  inheritedFlags = 0;
  inheritedTags = 0;
  errors = 0;
  discovered = 0;
  /** Names with exactly one possible choice, in the order in which this was found. */
  readonly #forced: NameState[] = [];
  #forcedHead = 0;
  /** Names sorted by `order`; in both lists, the name to decide first is at the end. */
  readonly #selectable: NameState[] = [];
  readonly #others: NameState[] = [];
  readonly #queue: NameState[] = [];
  #queueHead = 0;
  /**
   * States by the id of the name or package. Allocated at full size: V8 uses a slow representation for an array that is
   * filled in random order.
   */
  readonly #names: (NameState | undefined)[];
  readonly #packages: (PackageState | undefined)[];
  readonly #known: NameState[] = [];

  constructor(
    database: Database,
    { selfUpgrade, ignoreConflicts }: { selfUpgrade: boolean; ignoreConflicts: boolean },
  ) {
    this.database = database;
    this.selfUpgrade = selfUpgrade;
    this.ignoreConflicts = ignoreConflicts;
    this.defaultRepositories = database.tags.repositories(NO_TAG);
    this.#names = new Array(database.nameCount);
    this.#packages = new Array(database.packageCount);
  }

  of(name: Name): NameState {
    const known = this.#names[name.id];
    if (known !== undefined) return known;
    const made = freshName(name);
    this.#names[name.id] = made;
    this.#known.push(made);
    return made;
  }

  /** Names that have a state. */
  get known(): readonly NameState[] {
    return this.#known;
  }

  ofPackage(one: Package): PackageState {
    const known = this.#packages[one.id];
    if (known !== undefined) return known;
    const made = freshPackage();
    this.#packages[one.id] = made;
    return made;
  }

  /**
   * Returns the bit set of the repositories that have a package or, if it is installed, belong to the tag that it is
   * pinned to.
   */
  repositoriesOf({ repositories, installed }: Package): number {
    const own = installed === undefined ? 0 : this.database.tags.repositories(installed.tag);
    return repositories | own;
  }

  markError(one: Package | undefined): void {
    if (one === undefined) return;
    const state = this.ofPackage(one);
    if (state.erroneous) return;
    state.erroneous = true;
    this.errors += 1;
  }

  /** Queues a name for reconsideration, once. */
  queue(state: NameState): void {
    if (state.queued || state.locked) return;
    if (state.requirers === 0 && !state.reconsiderInstallIf) return;
    state.queued = true;
    this.#queue.push(state);
  }

  /** Returns the next name to reconsider. */
  nextQueued(): NameState | undefined {
    while (this.#queueHead < this.#queue.length) {
      const state = this.#queue[this.#queueHead];
      this.#queueHead += 1;
      if (state === undefined) continue;
      state.queued = false;
      if (!state.locked) return state;
    }
    return undefined;
  }

  /**
   * Adds a name to a list of undecided names, if it is required.
   * @param again whether it may belong in another list than before
   */
  awaitDecision(state: NameState, again: boolean): void {
    if (state.locked || state.waiting === 'forced') return;
    const { requirers, hasInstallIf, absenceCounts, hasAutoSelectable } = state;
    const forced = isForced(state);
    if (state.waiting === undefined) {
      if (requirers === 0 && !hasInstallIf && !absenceCounts) return;
    } else {
      if (!forced && !again) return;
      const list = this.#listOf(state.waiting);
      list.splice(placeOf(list, state.order), 1);
    }
    state.waiting = forced ? 'forced' : hasAutoSelectable ? 'selectable' : 'other';
    const list = this.#listOf(state.waiting);
    if (forced) list.push(state);
    else list.splice(placeOf(list, state.order), 0, state);
  }

  /**
   * Returns the name to decide next: the first of those with exactly one possible choice; else, of those with a
   * candidate that may be chosen automatically, the one with the largest `order`; else, of the others, the one with the
   * largest `order`.
   */
  nextToDecide(): NameState | undefined {
    for (; this.#forcedHead < this.#forced.length; this.#forcedHead += 1) {
      const state = this.#forced[this.#forcedHead];
      if (state?.locked === false) return state;
    }
    return lastUndecided(this.#selectable) ?? lastUndecided(this.#others);
  }

  #listOf(waiting: Waiting): NameState[] {
    if (waiting === 'forced') return this.#forced;
    return waiting === 'selectable' ? this.#selectable : this.#others;
  }
}

function isForced(state: NameState): boolean {
  return (
    state.reverseDependsDone && state.requirers > 0 && state.hasAutoSelectable && !state.hasOptions
  );
}

/** Returns the position of a name with this `order` in a list sorted by `order`. */
function placeOf(list: readonly NameState[], order: number): number {
  let [from, to] = [0, list.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((list[middle]?.order ?? 0) < order) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Removes decided names from the end of a list. @returns the last name that is not decided */
function lastUndecided(list: NameState[]): NameState | undefined {
  while (list.at(-1)?.locked === true) list.pop();
  return list.at(-1);
}

function freshName(name: Name): NameState {
  return {
    name,
    seen: false,
    reverseDepends: NO_STATES,
    locked: false,
    chosen: undefined,
    requirers: 0,
    order: 0,
    named: false,
    reconsiderDepends: false,
    reconsiderInstallIf: false,
    queued: false,
    waiting: undefined,
    hasInstallIf: false,
    noInstallIf: false,
    absenceCounts: false,
    hasOptions: false,
    hasAutoSelectable: false,
    reverseDependsDone: false,
    mergeDepends: 0,
    mergeProvides: 0,
    hasVirtualProvides: false,
    installedPackage: undefined,
    installedName: undefined,
    processed: false,
    removed: false,
  };
}

function freshPackage(): PackageState {
  return {
    seen: false,
    selectable: false,
    available: false,
    tagAllowed: false,
    tagPreferred: false,
    allowedTags: 0,
    installIfTriggered: false,
    installIfFailed: false,
    dependenciesMerged: false,
    dependenciesUsed: false,
    conflicts: 0,
    flags: 0,
    inheritableFlags: 0,
    erroneous: false,
    inChanges: false,
  };
}
