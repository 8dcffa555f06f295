import { BuildError } from '../error.ts';
import { closeSpellings } from '../spelling.ts';
import { nameOf } from '../tree/path.ts';
import { MODULE_FILE, normalizeModuleName } from './modinfo.ts';
import type { KernelModule, ModuleIndex } from './module-index.ts';

/** Longest accepted chain of `softdep pre:`; Linux has chains of two or three. */
const DEEPEST = 200;

/**
 * Returns the modules to load for some names, including all dependencies, in loading order. Existing soft dependencies
 * (`softdep pre:`) are included; drivers built into the kernel add nothing.
 * @param names with `-` or `_`: `virtio-blk`
 * @returns paths relative to `lib/modules/<release>`, each once
 * @throws BuildError naming an unknown module, with similar names
 */
export function findClosure(index: ModuleIndex, names: readonly string[]): string[] {
  const builtin = readBuiltinNames(index.builtin);
  const wanted = names
    .map(normalizeModuleName)
    .map(
      (name) => index.modules.get(name) ?? (builtin.has(name) ? undefined : unknown(index, name)),
    )
    .filter((module) => module !== undefined);
  const loaded = new Set<KernelModule>();
  const begun = new Set<KernelModule>();
  const load = (module: KernelModule, depth: number): void => {
    if (begun.has(module)) return;
    if (depth > DEEPEST) throw tooDeep(module);
    begun.add(module);
    for (const before of softDependencies(index, module)) load(before, depth + 1);
    for (const needed of index.dependencies(module)) load(needed, depth + 1);
    loaded.add(module);
  };
  for (const module of wanted) load(module, 0);
  return [...loaded].map(({ path }) => path);
}

/** Reads the normalised names of drivers built into the kernel from the lines of its `modules.builtin`. */
export function readBuiltinNames(lines: readonly string[]): Set<string> {
  return new Set(lines.map((path) => normalizeModuleName(nameOf(path).replace(MODULE_FILE, ''))));
}

/** Returns the modules to load before a module (modprobe.d(5), `softdep`), by name or by exact alias. */
function softDependencies(index: ModuleIndex, module: KernelModule): KernelModule[] {
  return module.softdeps
    .flatMap((line) => preNames(line))
    .flatMap((name) => {
      const named = index.modules.get(normalizeModuleName(name));
      if (named !== undefined) return [named];
      const plain = normalizeModuleName(name);
      return [...index.modules.values()].filter(({ aliases }) =>
        aliases.some((alias) => normalizeModuleName(alias) === plain),
      );
    });
}

/** Returns the names after `pre:` in `pre: a b post: c`. */
function preNames(line: string): string[] {
  let before = false;
  const names: string[] = [];
  for (const word of line.split(/\s+/)) {
    if (word === 'pre:' || word === 'post:') before = word === 'pre:';
    else if (before && word !== '') names.push(word);
  }
  return names;
}

function unknown(index: ModuleIndex, name: string): never {
  const close = closeSpellings(name, [...index.modules.keys(), ...readBuiltinNames(index.builtin)]);
  throw new BuildError({
    what: `kernel ${index.release} has no module ${JSON.stringify(name)}`,
    fix: close.length === 0 ? 'Check the spelling.' : `Did you mean ${close.join(' or ')}?`,
  });
}

function tooDeep({ name, path }: KernelModule): BuildError {
  return new BuildError({
    what: `more than ${DEEPEST} kernel modules depend on each other in a row (softdep pre), ${name} being the last`,
    where: path,
    fix: 'The kernel package is damaged or hostile.',
  });
}
