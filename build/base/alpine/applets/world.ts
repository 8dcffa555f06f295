import type { Requirement } from '../database/model.ts';

/** World with one more dependency, in place of one on the same name. */
export function withDependency(
  world: readonly Requirement[],
  dependency: Requirement,
): Requirement[] {
  const at = world.findIndex(({ name }) => name === dependency.name);
  return at < 0 ? [...world, dependency] : world.with(at, dependency);
}

/** World without what it says of a name. */
export function withoutName(
  world: readonly Requirement[],
  name: Requirement['name'],
): Requirement[] {
  return world.filter((dependency) => dependency.name !== name);
}
