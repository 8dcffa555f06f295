import type { Name, Package } from '../database/model.ts';
import { inTableOrder } from '../database/name-hash.ts';
import type { NameState, SolverState } from './state.ts';

/**
 * Joins the names a run is about to those that depend on them: what was discovered, and what is installed. Their
 * order is that of apk's table of names, packages that came later last; it decides in which order conclusions are
 * drawn.
 */
export function linkReverseDepends(solver: SolverState): void {
  const { installed } = solver.database;
  const own = new Set<Name>();
  for (const { name, seen } of solver.known) if (seen) own.add(name);
  for (const one of installed) for (const name of namesOf(one)) own.add(name);
  const names = [...own].sort((a, b) => a.id - b.id);
  const lists: Lists = new Map();
  for (const name of inTableOrder(names)) linkName(solver, name, lists);
  for (const name of names) linkLate(solver, name, lists);
  for (const [state, list] of lists) state.reverseDepends = list;
}

type Lists = Map<NameState, NameState[]>;

/** Links the dependencies of a name's packages to it; for a name that nothing requires, only those of installed ones. */
function linkName(solver: SolverState, name: Name, lists: Lists): void {
  const dependent = solver.of(name);
  for (const { package: one } of name.providers) {
    const counts = dependent.seen || one.installed !== undefined;
    if (!counts || solver.database.isLate(one)) continue;
    for (const on of one.depends) {
      const list = listOf(lists, solver.of(on.name));
      if (list.at(-1) !== dependent) list.push(dependent);
    }
  }
}

/** The same for packages that were made after everything was read. */
function linkLate(solver: SolverState, name: Name, lists: Lists): void {
  const dependent = solver.of(name);
  for (const { package: one } of name.providers) {
    if (!solver.database.isLate(one)) continue;
    for (const on of one.depends) {
      const list = listOf(lists, solver.of(on.name));
      if (!list.includes(dependent)) list.push(dependent);
    }
  }
}

function listOf(lists: Lists, state: NameState): NameState[] {
  const known = lists.get(state);
  if (known !== undefined) return known;
  const made: NameState[] = [];
  lists.set(state, made);
  return made;
}

function namesOf(one: Package): readonly Name[] {
  return [one.name, ...one.provides.map(({ name }) => name)];
}
