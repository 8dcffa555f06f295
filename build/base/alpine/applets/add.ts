import type { Database } from '../database/database.ts';
import type { Name, Requirement } from '../database/model.ts';
import {
  type Dependency,
  formatDependency,
  hasValidVersion,
  parseAtom,
} from '../dependency/dependency.ts';
import { Flag, type NameFlags } from '../solver/flags.ts';
import { ANY, EQUAL } from '../version/operator.ts';
import type { AppletContext, AppletPlan } from './plan.ts';
import { type AppletCall, AppletError } from './words.ts';

/**
 * `apk add`: adds dependencies to world; with `--virtual`, adds a package without files that has these dependencies.
 * @throws AppletError if an argument is not a dependency
 */
export function planAdd({ call, database, world }: AppletContext): AppletPlan {
  const dependencies = call.operands.map((text) => dependencyOf(text, call, database));
  const added =
    call.virtual === undefined
      ? dependencies
      : [addVirtual(database, { spec: call.virtual, dependencies })];
  const flags = flagsOf(call);
  return {
    world: added.reduce(withDependency, [...world]),
    flags: 0,
    nameFlags: added.map(({ name }): NameFlags => ({ name: name.name, flags, inheritable: flags })),
  };
}

function flagsOf({ options }: AppletCall): number {
  return (options.has('upgrade') ? Flag.upgrade : 0) | (options.has('latest') ? Flag.latest : 0);
}

function dependencyOf(text: string, { virtual }: AppletCall, database: Database): Requirement {
  if (text.includes('.apk')) {
    throw new AppletError('other', {
      what: `${text} is a file`,
      fix: 'Only packages of repositories can be added here; put it into one.',
    });
  }
  const dependency = parseAtom<Name>(text, database.intern);
  const tagged = dependency?.tag !== undefined;
  if (
    dependency !== undefined &&
    hasValidVersion(dependency) &&
    (virtual === undefined || !tagged)
  ) {
    database.tags.number(dependency.tag ?? '');
    return dependency;
  }
  throw new AppletError('syntax', {
    what:
      virtual === undefined
        ? `'${text}' is not a valid world dependency`
        : `'${text}' is not a valid dependency of a virtual package`,
    fix:
      virtual === undefined
        ? 'Write name, name@tag or name>=1.2 (also = < > <= ~).'
        : 'Write name or name>=1.2 (also = < > <= ~), without a tag.',
  });
}

/** Adds the package of `--virtual`. @returns the dependency on exactly this package */
function addVirtual(
  database: Database,
  { spec, dependencies }: { spec: string; dependencies: readonly Requirement[] },
): Requirement {
  const wanted = parseAtom<Name>(spec, database.intern);
  if (wanted === undefined || !isVirtualSpec(wanted)) {
    throw new AppletError('syntax', {
      what: `'${spec}' cannot be the name of a virtual package`,
      fix: 'Write .name or .name=1.2.',
    });
  }
  const version = wanted.version ?? generatedVersion(new Date());
  const fields = new Map([
    ['P', wanted.name.name],
    ['V', version],
    ['A', 'noarch'],
    ['T', 'virtual meta package'],
    ['D', dependencies.reduce(withDependency, []).map(formatDependency).join(' ')],
  ]);
  database.addVirtual(fields, `virtual ${wanted.name.name}-${version}`);
  return { ...wanted, operator: EQUAL, version };
}

function isVirtualSpec(spec: Dependency<Name>): boolean {
  const { operator, conflict } = spec;
  return !conflict && hasValidVersion(spec) && (operator === ANY || operator === EQUAL);
}

/** Returns the version that apk gives a virtual package: the current time in UTC. */
function generatedVersion(now: Date): string {
  const [day, time] = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').split('T');
  return `${day}.${time}`;
}

/** Returns world with a dependency added; it replaces a dependency on the same name. */
function withDependency(world: readonly Requirement[], dependency: Requirement): Requirement[] {
  const at = world.findIndex(({ name }) => name === dependency.name);
  return at < 0 ? [...world, dependency] : world.with(at, dependency);
}
