import type { Name, Package } from '../database/model.ts';
import { inTableOrder } from '../database/name-hash.ts';
import { type NameState, NO_STATES, type SolverState } from './state.ts';

/**
 * Joins the names a run is about to those that depend on them: what was discovered, and what is installed. Their
 * order is that of apk's table of names, packages that came later last; it decides in which order conclusions are
 * drawn.
 */
export function linkReverseDepends(solver: SolverState): void {
  const { installed, nameCount } = solver.database;
  const byId = new Array<Name | undefined>(nameCount);
  for (const { name, seen } of solver.known) if (seen) byId[name.id] = name;
  for (const one of installed) for (const name of namesOf(one)) byId[name.id] = name;
  const names = byId.filter((name) => name !== undefined);
  for (const name of inTableOrder(names)) linkName(solver, name);
  if (solver.database.hasLate) for (const name of names) linkLate(solver, name);
}

/** Links the dependencies of a name's packages to it; for a name that nothing requires, only those of installed ones. */
function linkName(solver: SolverState, name: Name): void {
  const dependent = solver.of(name);
  for (const { package: one } of name.providers) {
    const counts = dependent.seen || one.installed !== undefined;
    if (!counts || solver.database.isLate(one)) continue;
    for (const on of one.depends) {
      const list = listOf(solver.of(on.name));
      if (list[list.length - 1] !== dependent) list.push(dependent);
    }
  }
}

/** The same for packages that were made after everything was read. */
function linkLate(solver: SolverState, name: Name): void {
  const dependent = solver.of(name);
  for (const { package: one } of name.providers) {
    if (!solver.database.isLate(one)) continue;
    for (const on of one.depends) {
      const list = listOf(solver.of(on.name));
      if (!list.includes(dependent)) list.push(dependent);
    }
  }
}

/** The list of a name; until it has one it shares an empty list with others. */
function listOf(state: NameState): NameState[] {
  if (state.reverseDepends === NO_STATES) state.reverseDepends = [];
  return state.reverseDepends;
}

function namesOf(one: Package): readonly Name[] {
  return [one.name, ...one.provides.map(({ name }) => name)];
}
