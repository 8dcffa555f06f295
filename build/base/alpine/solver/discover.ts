import { CACHE } from '../database/database.ts';
import type { Name, Package, Requirement } from '../database/model.ts';
import { Flag } from './flags.ts';
import { type NameState, ONLY_UNTAGGED, type PackageState, type SolverState } from './state.ts';

/**
 * Finds everything reachable from a name: its packages, their dependencies, the names they provide, and packages with
 * an `install_if` on them. Numbers the names in the order in which their searches end. Searches use an explicit stack:
 * a hostile index can have a chain of dependencies longer than the call stack allows.
 */
export function discover(solver: SolverState, name: Name): void {
  if (solver.of(name).seen) return;
  const stack = [new NameSearch(solver, name)];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const next = top.next();
    if (next === undefined) stack.pop();
    else stack.push(new NameSearch(solver, next));
  }
}

/**
 * The search of one name, which continues each time the next name is requested. Order: the dependencies of its
 * packages; packages with an `install_if` on the name or on its packages, and the other names that its packages
 * provide; after the name has been numbered, the names in the `install_if` of its packages.
 */
class NameSearch {
  readonly #solver: SolverState;
  readonly #state: NameState;
  /** The list being searched, the position in it, and the number of the next step. */
  #list: readonly (Name | Requirement)[] = NONE;
  #done = 0;
  #step = 0;

  constructor(solver: SolverState, name: Name) {
    this.#solver = solver;
    this.#state = solver.of(name);
    this.#state.seen = true;
    this.#state.noInstallIf = true;
  }

  /** Returns the next name that has not been found before; `undefined` at the end. */
  next(): Name | undefined {
    for (;;) {
      while (this.#done < this.#list.length) {
        const item = this.#list[this.#done];
        this.#done += 1;
        if (item === undefined) continue;
        const name = 'providers' in item ? item : item.name;
        if (!this.#solver.of(name).seen) return name;
      }
      const list = this.#begin(this.#step);
      if (list === undefined) return undefined;
      this.#step += 1;
      this.#list = list;
      this.#done = 0;
    }
  }

  /**
   * Begins a step. If `n` packages have or provide the name, the steps are: the dependencies of each package (`n`
   * steps), packages with an `install_if` on the name (1), packages with an `install_if` on each package and the names
   * it provides (`2n`), the `install_if` of each package (`n`).
   * @returns lists in which names may be found; `undefined` after the last step
   */
  #begin(step: number): readonly (Name | Requirement)[] | undefined {
    const { name } = this.#state;
    const { providers } = name;
    const count = providers.length;
    if (step < count) return this.#beginPackage(providers[step]?.package);
    if (step === count) return name.reverseInstallIf;
    if (step <= 3 * count) {
      const one = providers[(step - count - 1) >> 1]?.package;
      return (step - count) % 2 === 1 ? one?.name.reverseInstallIf : one?.provides;
    }
    if (step === 3 * count + 1) this.#state.order = nextOrder(this.#solver, this.#state);
    return providers[step - 3 * count - 1]?.package.installIf;
  }

  #beginPackage(one: Package | undefined): readonly Requirement[] {
    if (one === undefined) return NONE;
    const known = this.#solver.ofPackage(one);
    const isNew = !known.seen;
    if (isNew) discoverPackage(this.#solver, one, known);
    if (!known.installIfFailed) this.#state.noInstallIf = false;
    return isNew ? one.depends : NONE;
  }
}

const NONE: readonly never[] = [];

/** Added to the `order` of a name: `OWN_PACKAGE` if a package has this name, `NAMED` if the user named it. */
const OWN_PACKAGE = 2 ** 30;
const NAMED = 2 ** 31;

function nextOrder(solver: SolverState, { name, named }: NameState): number {
  solver.discovered += 1;
  const real = name.providers.some(({ package: one }) => one.name === name);
  return solver.discovered + (real ? OWN_PACKAGE : 0) + (named ? NAMED : 0);
}

function discoverPackage(solver: SolverState, one: Package, state: PackageState): void {
  state.seen = true;
  const { available } = solver.database;
  const empty = one.installedSize === 0;
  const installed = one.installed !== undefined;
  const repositories = solver.repositoriesOf(one);
  state.allowedTags = ONLY_UNTAGGED;
  state.available = (one.repositories & available & ~CACHE) !== 0;
  state.selectable =
    one.defect === undefined &&
    ((one.repositories & available) !== 0 || one.cached || empty || installed);
  state.installIfFailed =
    one.installIf.length === 0 ||
    ((solver.inheritedFlags & Flag.available) !== 0 && !state.available);
  state.tagPreferred = empty || (repositories & solver.defaultRepositories) !== 0;
  state.tagAllowed = state.tagPreferred || one.cached || installed;
}
