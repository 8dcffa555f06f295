import type { Name, Package } from '../database/model.ts';
import { sortByTable } from '../database/name-hash.ts';
import { NO_STATES, type SolverState } from './state.ts';

/**
 * Records which names depend on each name, for the discovered names and the installed packages. The order is that of
 * apk's table of names, with packages that were added after `Database.link` last; it determines the order in which
 * names are reconsidered.
 */
export function linkReverseDepends(solver: SolverState): void {
  const { installed, nameCount } = solver.database;
  const byId = new Array<Name | undefined>(nameCount);
  for (const { name, seen } of solver.known) if (seen) byId[name.id] = name;
  for (const one of installed) for (const name of namesOf(one)) byId[name.id] = name;
  const names = byId.filter((name) => name !== undefined);
  for (const name of sortByTable(names)) linkName(solver, name);
  if (solver.database.hasLate) for (const name of names) linkLate(solver, name);
}

/**
 * Links the dependencies of a name's packages to it; if the name was not discovered, only those of installed packages.
 */
function linkName(solver: SolverState, name: Name): void {
  const dependent = solver.of(name);
  for (let at = 0; at < name.providers.length; at += 1) {
    const one = name.providers[at]?.package;
    if (one === undefined || (!dependent.seen && one.installed === undefined)) continue;
    if (solver.database.isLate(one)) continue;
    const { depends } = one;
    for (let on = 0; on < depends.length; on += 1) {
      const required = depends[on];
      if (required === undefined) continue;
      const state = solver.of(required.name);
      const list = state.reverseDepends;
      if (list === NO_STATES) state.reverseDepends = [dependent];
      else if (list[list.length - 1] !== dependent) list.push(dependent);
    }
  }
}

/** Does the same as `linkName` for packages that were added after `Database.link`. */
function linkLate(solver: SolverState, name: Name): void {
  const dependent = solver.of(name);
  for (const { package: one } of name.providers) {
    if (!solver.database.isLate(one)) continue;
    for (const on of one.depends) {
      const state = solver.of(on.name);
      if (state.reverseDepends === NO_STATES) state.reverseDepends = [dependent];
      else if (!state.reverseDepends.includes(dependent)) state.reverseDepends.push(dependent);
    }
  }
}

function namesOf(one: Package): readonly Name[] {
  return [one.name, ...one.provides.map(({ name }) => name)];
}
