import { nameAndVersion, type Package, type Requirement } from '../database/model.ts';
import { formatDependency } from '../dependency/dependency.ts';
import type { Solution } from '../solver/solve.ts';

/** Number of steps shown at each end of a long chain. */
const ENDS_SHOWN = 5;

/** What has a dependency: a package of the solution, or world if `undefined`. */
export type Requirer = Package | undefined;

/** One dependency of the solution, with its requirer. */
export interface Demand {
  readonly requirer: Requirer;
  readonly dependency: Requirement;
}

/** All requirements of a solution, and the chains that lead to them. */
export class Demands {
  /** World's requirements first, then those of packages, nearest to world first. */
  readonly all: readonly Demand[];
  /** Package → the requirement that first led to it. */
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

  /** Required packages, nearest to world first. */
  get packages(): readonly Package[] {
    return [...this.#reason.keys()];
  }

  /**
   * Formats the chain from world to a requirement: `world wants app, app-1 needs lib>2`.
   * @param demand the last step of the chain
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

  /** Formats the chain from world to a package; empty if nothing requires it. */
  chainTo(one: Package): string {
    const reason = this.#reason.get(one);
    return reason === undefined ? '' : this.chain(reason);
  }
}

/** Returns the first and last steps of a long chain. */
function shortened(steps: readonly string[]): readonly string[] {
  if (steps.length <= 2 * ENDS_SHOWN) return steps;
  return [...steps.slice(0, ENDS_SHOWN), '…', ...steps.slice(-ENDS_SHOWN)];
}

function stepOf({ requirer, dependency }: Demand): string {
  const verb = dependency.conflict ? 'forbids' : requirer === undefined ? 'wants' : 'needs';
  const what = formatDependency({ ...dependency, conflict: false });
  return `${requirer === undefined ? 'world' : nameAndVersion(requirer)} ${verb} ${what}`;
}
