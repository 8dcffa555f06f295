import type { Package, Requirement } from '../database/model.ts';
import { NO_TAG } from '../database/tags.ts';
import { classifyProvider, isProvided } from '../dependency/provided.ts';
import { Flag } from './flags.ts';
import type { NameState, SolverState } from './state.ts';

/** A package that is installed, replaced, kept or removed. */
export interface Change {
  readonly before: Package | undefined;
  readonly after: Package | undefined;
  readonly tagBefore: number;
  readonly tagAfter: number;
  readonly reinstall: boolean;
}

/**
 * Lists the changes in the order in which they are made: removals before the installation of a replacement,
 * dependencies before their dependents. Unchanged packages are listed, too. Unsatisfied dependencies count as errors.
 */
export function listChanges(solver: SolverState, world: readonly Requirement[]): Change[] {
  const changes: Change[] = [];
  runTasks(new ChangeLister(solver, changes).run(world));
  return changes;
}

/** Walks through the decisions; each method yields the tasks that must be completed before the method continues. */
class ChangeLister {
  readonly #solver: SolverState;
  readonly #changes: Change[];

  constructor(solver: SolverState, changes: Change[]) {
    this.#solver = solver;
    this.#changes = changes;
  }

  *run(world: readonly Requirement[]): Work {
    const solver = this.#solver;
    const { installed } = solver.database;
    for (const state of solver.known) state.requirers = 0;
    for (const one of installed) {
      const state = solver.of(one.name);
      state.installedPackage = one;
      state.installedName = state;
      for (const { name, version } of one.provides) {
        if (version !== undefined) solver.of(name).installedName = state;
      }
    }
    for (const one of installed) this.#countRequirers(one);
    for (const one of installed) yield* this.#removeIfOrphan(one);
    for (const dependency of world) yield this.#require(undefined, dependency);
    for (const one of installed) yield this.#change(solver.of(one.name));
  }

  #countRequirers(one: Package): void {
    for (const { name, conflict } of one.depends) {
      const owner = conflict ? undefined : this.#solver.of(name).installedName;
      if (owner !== undefined) owner.requirers += 1;
    }
  }

  *#uncountRequirers(one: Package): Work {
    for (const { name, conflict } of one.depends) {
      const state = this.#solver.of(name);
      const owner = conflict ? undefined : state.installedName;
      if (owner === undefined) continue;
      owner.requirers -= 1;
      if (owner.requirers > 0 || state.installedPackage === undefined) continue;
      yield this.#remove(state.installedPackage);
    }
  }

  *#require(requirer: Package | undefined, dependency: Requirement): Work {
    const solver = this.#solver;
    if (dependency.conflict && solver.ignoreConflicts) return;
    const state = solver.of(dependency.name);
    if (!isProvided(dependency, state.chosen, requirer)) solver.markError(requirer);
    yield this.#change(state);
    const chosen = state.chosen?.package;
    if (chosen !== undefined && solver.ofPackage(chosen).erroneous) solver.markError(requirer);
  }

  *#change(state: NameState): Work {
    if (state.processed) return;
    yield* this.#clear(state);
    const one = state.chosen?.package;
    if (one === undefined) return;
    const known = this.#solver.ofPackage(one);
    if (known.inChanges) return;
    known.inChanges = true;
    const own = this.#solver.of(one.name);
    yield* this.#clear(own);
    for (const { name } of one.provides) yield* this.#clear(this.#solver.of(name));
    const before = own.installedPackage;
    if (before !== undefined) yield* this.#removeBeside(before);
    for (const dependency of one.depends) yield this.#require(one, dependency);
    this.#record(before, one);
    yield* this.#installBeside(one);
    this.#countRequirers(one);
    if (before !== undefined) yield* this.#uncountRequirers(before);
  }

  /** Removes installed packages that have or provide a name, unless a package of their own name is chosen. */
  *#clear(state: NameState): Work {
    if (state.processed) return;
    state.processed = true;
    const { installedPackage, chosen, name } = state;
    if (installedPackage !== undefined && chosen?.package.name !== name) {
      yield this.#remove(installedPackage);
    }
    for (const { package: one } of name.providers) {
      const own = this.#solver.of(one.name);
      if (own.installedPackage === one && own.chosen === undefined) yield this.#remove(one);
    }
  }

  *#remove(one: Package): Work {
    const known = this.#solver.ofPackage(one);
    const state = this.#solver.of(one.name);
    if (known.inChanges || state.chosen?.package.name === one.name) return;
    state.removed = true;
    known.inChanges = true;
    yield* this.#removeDependents(one);
    yield* this.#removeBeside(one);
    this.#record(one, undefined);
    yield* this.#uncountRequirers(one);
  }

  *#removeDependents(one: Package): Work {
    for (const name of [one.name, ...one.provides.map((provided) => provided.name)]) {
      for (const dependent of this.#solver.of(name).reverseDepends) {
        for (const { package: other } of dependent.name.providers) {
          if (other.installed === undefined) continue;
          for (const dependency of other.depends) {
            if (classifyProvider(dependency, one) === 'satisfied') yield this.#remove(other);
          }
        }
      }
    }
  }

  *#removeIfOrphan(one: Package): Work {
    const { requirers, chosen } = this.#solver.of(one.name);
    if (requirers === 0 && chosen === undefined) yield this.#remove(one);
  }

  /** Removes installed packages with an `install_if` on a package that is removed, if nothing requires them. */
  *#removeBeside(one: Package): Work {
    for (const name of namesOf(one)) {
      for (const beside of name.reverseInstallIf) {
        const { installedPackage, chosen, processed, removed } = this.#solver.of(beside);
        if (installedPackage === undefined || chosen !== undefined) continue;
        if (processed || removed) continue;
        const gone = installedPackage.installIf.some((condition) => {
          const state = this.#solver.of(condition.name);
          return state.removed && state.chosen === undefined;
        });
        if (gone) yield* this.#removeIfOrphan(installedPackage);
      }
    }
  }

  /** Installs chosen packages with an `install_if` on a package that is installed, if all its conditions are met. */
  *#installBeside(one: Package): Work {
    for (const name of namesOf(one)) {
      for (const beside of name.reverseInstallIf) {
        const state = this.#solver.of(beside);
        if (state.chosen === undefined || !state.seen || state.processed) continue;
        const complete = state.chosen.package.installIf.every((condition) => {
          const { processed, chosen } = this.#solver.of(condition.name);
          return (processed || condition.conflict) && isProvided(condition, chosen);
        });
        if (complete) yield this.#change(state);
      }
    }
  }

  #record(before: Package | undefined, after: Package | undefined): void {
    const { database } = this.#solver;
    const state = after === undefined ? undefined : this.#solver.ofPackage(after);
    this.#changes.push({
      before,
      after,
      tagBefore: before?.installed?.tag ?? NO_TAG,
      tagAfter:
        after === undefined || state === undefined
          ? NO_TAG
          : database.tags.firstOf(state.allowedTags, this.#solver.repositoriesOf(after)),
      reinstall: ((state?.flags ?? 0) & Flag.reinstall) !== 0,
    });
  }
}

function namesOf(one: Package): readonly Requirement['name'][] {
  return [one.name, ...one.provides.map(({ name }) => name)];
}

/** A recursive task as a generator: each task it yields is completed before it continues. */
type Work = Generator<Work, void, void>;

/**
 * Runs a task and all tasks that it yields, depth first, with an explicit stack: a hostile index can have a chain of
 * dependencies longer than the call stack allows.
 */
function runTasks(work: Work): void {
  const stack: Work[] = [work];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const step = top.next();
    if (step.done === true) stack.pop();
    else stack.push(step.value);
  }
}
