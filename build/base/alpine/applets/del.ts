import type { Name, Package, Requirement } from '../database/model.ts';
import { classifyProvider } from '../dependency/provided.ts';
import { Flag, type NameFlags } from '../solver/flags.ts';
import { matchNames } from './matching.ts';
import type { AppletContext, AppletPlan } from './plan.ts';

/**
 * `apk del`: removes names from world, and with `--rdepends` the packages that depend on them. A package is uninstalled
 * unless something else needs it.
 * @throws AppletError if a name is unknown
 */
export function planDel({ call, database, world }: AppletContext): AppletPlan {
  const removing = new Removal({
    world,
    installed: database.installed,
    recursive: call.options.has('rdepends'),
  });
  for (const name of matchNames(database, call.operands)) removing.removeName(name);
  return { world: removing.world, flags: 0, nameFlags: removing.nameFlags };
}

interface RemovalOptions {
  readonly world: readonly Requirement[];
  readonly installed: readonly Package[];
  /** Whether packages that depend on a removed one are removed too. */
  readonly recursive: boolean;
}

class Removal {
  world: Requirement[];
  readonly nameFlags: NameFlags[] = [];
  readonly #installed: readonly Package[];
  readonly #recursive: boolean;
  readonly #removed = new Set<Package>();

  constructor({ world, installed, recursive }: RemovalOptions) {
    this.world = [...world];
    this.#installed = installed;
    this.#recursive = recursive;
  }

  removeName(name: Name): void {
    const installed = name.providers.find(
      ({ package: one }) => one.name === name && one.installed !== undefined,
    );
    if (installed === undefined) this.world = withoutName(this.world, name);
    else this.#removePackages(installed.package);
  }

  /** Removes a package and, with `--rdepends`, the installed packages that depend on it, recursively. */
  #removePackages(first: Package): void {
    const waiting = [first];
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      if (this.#removed.has(one)) continue;
      this.#removed.add(one);
      this.world = withoutName(this.world, one.name);
      this.nameFlags.push({ name: one.name.name, flags: Flag.remove, inheritable: 0 });
      if (!this.#recursive) continue;
      for (const { name } of one.provides) this.world = withoutName(this.world, name);
      waiting.push(...dependents(one, this.#installed));
    }
  }
}

/** Lists installed packages with a dependency that a package satisfies. */
function dependents(one: Package, installed: readonly Package[]): Package[] {
  return installed.filter((other) =>
    other.depends.some((dependency) => classifyProvider(dependency, one) === 'satisfied'),
  );
}

/** Returns world without its dependency on a name. */
function withoutName(world: readonly Requirement[], name: Requirement['name']): Requirement[] {
  return world.filter((dependency) => dependency.name !== name);
}
