import { nameAndVersion, type Package, type Requirement } from '../database/model.ts';
import { formatDependency } from '../dependency/dependency.ts';
import type { Solution } from '../solver/solve.ts';

/** Steps that are shown at each end of a way that is longer than both. */
const ENDS_SHOWN = 5;

/** Who asks for something: a package of the solution, or world if `undefined`. */
export type Requirer = Package | undefined;

/** One dependency of the solution, with who asks for it. */
export interface Demand {
  readonly requirer: Requirer;
  readonly dependency: Requirement;
}

/** Everything that a solution asks for, and how it comes to ask for it. */
export class Demands {
  /** World's demands first, then those of packages, nearest to world first. */
  readonly all: readonly Demand[];
  /** Package → the demand that first led to it. */
  readonly #reason = new Map<Package, Demand>();

  constructor({ state, world }: Pick<Solution, 'state' | 'world'>) {
    const all: Demand[] = world.map((dependency) => ({ requirer: undefined, dependency }));
    for (let index = 0; index < all.length; index += 1) {
      const demand = all[index];
      const one =
        demand === undefined ? undefined : state.of(demand.dependency.name).chosen?.package;
      if (demand === undefined || one === undefined) continue;
      if (demand.dependency.conflict || this.#reason.has(one)) continue;
      this.#reason.set(one, demand);
      all.push(...one.depends.map((dependency) => ({ requirer: one, dependency })));
    }
    this.all = all;
  }

  /** Packages that something asks for, nearest to world first. */
  get packages(): readonly Package[] {
    return [...this.#reason.keys()];
  }

  /**
   * The way from world to who asks: `world wants app, app-1 needs lib>2`.
   * @param demand its last step
   */
  chain(demand: Demand): string {
    const steps = [stepOf(demand)];
    const passed = new Set<Package>();
    for (let one = demand.requirer; one !== undefined && !passed.has(one); ) {
      passed.add(one);
      const reason = this.#reason.get(one);
      if (reason === undefined) break;
      steps.push(stepOf(reason));
      one = reason.requirer;
    }
    return shortened(steps.reverse()).join(', ');
  }

  /** The way from world to a package; empty if nothing asks for it. */
  chainTo(one: Package): string {
    const reason = this.#reason.get(one);
    return reason === undefined ? '' : this.chain(reason);
  }
}

/** The two ends of a long way. */
function shortened(steps: readonly string[]): readonly string[] {
  if (steps.length <= 2 * ENDS_SHOWN) return steps;
  return [...steps.slice(0, ENDS_SHOWN), '…', ...steps.slice(-ENDS_SHOWN)];
}

function stepOf({ requirer, dependency }: Demand): string {
  const verb = dependency.conflict ? 'forbids' : requirer === undefined ? 'wants' : 'needs';
  const what = formatDependency({ ...dependency, conflict: false });
  return `${requirer === undefined ? 'world' : nameAndVersion(requirer)} ${verb} ${what}`;
}
