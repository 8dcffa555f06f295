import { BuildError } from '../error.ts';
import type { ModuleInfo } from './modinfo.ts';

/**
 * Maximum number of direct and indirect dependencies of a module; in Debian's cloud kernel 6.1, no module has more than
 * 11.
 */
const MOST_DEPENDENCIES = 1000;

/** A loadable module of the kernel. */
export interface KernelModule extends ModuleInfo {
  /** Normalised: `virtio_blk`. */
  name: string;
  /** Relative to `lib/modules/<release>`: `kernel/drivers/block/virtio_blk.ko`. */
  path: string;
}

/** The modules of one kernel, in the order of its `modules.order`, and its built-in drivers. */
export class ModuleIndex {
  readonly release: string;
  /** Name → module. */
  readonly modules: ReadonlyMap<string, KernelModule>;
  /** Lines of `modules.builtin`. */
  readonly builtin: readonly string[];
  /** Module → its direct and indirect dependencies, in loading order. */
  readonly #dependencies = new Map<KernelModule, readonly KernelModule[]>();

  /** @throws BuildError if a dependency is missing, or dependencies form a cycle */
  constructor(release: string, modules: readonly KernelModule[], builtin: readonly string[]) {
    this.release = release;
    this.modules = new Map(modules.map((module) => [module.name, module]));
    this.builtin = builtin;
    for (const module of this.modules.values()) this.#resolve(module);
  }

  /** Returns the direct and indirect dependencies of a module, in loading order. */
  dependencies(module: KernelModule): readonly KernelModule[] {
    return this.#dependencies.get(module) ?? [];
  }

  /**
   * Returns an index of some of the modules, for example for an initramfs.
   * @param paths result of `findClosure`
   * @throws BuildError if one of these modules depends on a module that is not in `paths`
   */
  only(paths: readonly string[]): ModuleIndex {
    const wanted = new Set(paths);
    const modules = [...this.modules.values()].filter(({ path }) => wanted.has(path));
    return new ModuleIndex(this.release, modules, this.builtin);
  }

  /**
   * Computes the dependencies of a module and of the modules it needs. Without recursion, because a hostile chain of
   * modules must not exhaust the stack.
   */
  #resolve(first: KernelModule): void {
    const stack = [{ module: first, waiting: [...first.depends] }];
    const open = new Set([first]);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const { module } = top;
      const name = this.#dependencies.has(module) ? undefined : top.waiting.pop();
      if (name === undefined) {
        if (!this.#dependencies.has(module)) this.#dependencies.set(module, this.#merged(module));
        open.delete(module);
        stack.pop();
        continue;
      }
      const needed = this.#needed(module, name);
      if (open.has(needed)) throw circle(module, needed);
      if (this.#dependencies.has(needed)) continue;
      open.add(needed);
      stack.push({ module: needed, waiting: [...needed.depends] });
    }
  }

  #merged(module: KernelModule): readonly KernelModule[] {
    const all = new Set<KernelModule>();
    for (const name of module.depends) {
      const needed = this.#needed(module, name);
      for (const deeper of this.dependencies(needed)) all.add(deeper);
      all.add(needed);
    }
    if (all.size > MOST_DEPENDENCIES) {
      throw new BuildError({
        what: `kernel module ${module.name} needs more than ${MOST_DEPENDENCIES} others`,
        where: module.path,
        fix: 'The kernel package is damaged or hostile.',
      });
    }
    return [...all];
  }

  #needed(module: KernelModule, name: string): KernelModule {
    const needed = this.modules.get(name);
    if (needed !== undefined) return needed;
    throw new BuildError({
      what: `kernel module ${module.name} needs ${name}, which is not in the tree`,
      where: module.path,
      fix: 'Keep both modules or drop both.',
    });
  }
}

function circle(module: KernelModule, needed: KernelModule): BuildError {
  return new BuildError({
    what: `kernel modules ${module.name} and ${needed.name} need each other`,
    where: module.path,
    fix: 'The kernel package is damaged.',
  });
}
