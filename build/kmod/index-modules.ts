import { BuildError } from '../error.ts';
import type { FileEntry } from '../tree/entry.ts';
import { nameOf } from '../tree/path.ts';
import type { Tree } from '../tree/tree.ts';
import { MODULE_FILE, normalizeModuleName, readModuleInfo } from './modinfo.ts';
import { type KernelModule, ModuleIndex } from './module-index.ts';
import { MODULES } from './release.ts';

export { findClosure, readBuiltinNames as builtinNames } from './closure.ts';
export { MODULE_FILE, normalizeModuleName as moduleName } from './modinfo.ts';

/** Folder whose modules override those of the same name elsewhere (depmod.d(5), `search`). */
const OVERRIDES = 'updates/';

/**
 * Indexes the modules of a kernel as depmod(8) does, from their `.modinfo` sections only.
 * @param release result of `findKernelRelease`
 * @param leaveOut whether to leave out the module at a path relative to `lib/modules/<release>`; dependencies of other
 *   modules are indexed nevertheless
 * @throws BuildError if there is no such kernel, a module is damaged, or a dependency is missing
 */
export function indexModules(
  tree: Tree,
  release: string,
  leaveOut: (path: string) => boolean = () => false,
): ModuleIndex {
  const directory = release === '' ? undefined : tree.canonical(`${MODULES}/${release}`);
  if (directory === undefined) {
    throw new BuildError({
      what: release === '' ? 'the tree has no kernel modules' : `there is no kernel ${release}`,
      where: `/${MODULES}/${release}`,
      fix: 'Check the kernel package of the profile.',
    });
  }
  const files = moduleFiles(tree, directory);
  const paths = new Map([...files.keys()].map((path) => [nameAt(path), path]));
  const modules = new Map<string, KernelModule>();
  const wanted = [...files.keys()].filter((path) => !leaveOut(path));
  // The loop appends dependencies to `wanted`.
  for (const path of wanted) {
    const file = files.get(path);
    if (file === undefined || modules.has(path)) continue;
    const module = { name: nameAt(path), path, ...readModuleInfo(tree, file) };
    modules.set(path, module);
    wanted.push(...module.depends.flatMap((name) => paths.get(name) ?? []));
  }
  const order = lines(tree, `${directory}/modules.order`);
  const sorted = [...ordered(modules, order).values()];
  return new ModuleIndex(release, sorted, lines(tree, `${directory}/modules.builtin`));
}

function nameAt(path: string): string {
  return normalizeModuleName(nameOf(path).replace(MODULE_FILE, ''));
}

/** Path relative to `directory` → file; of several modules with the same name, only the one with precedence. */
function moduleFiles(tree: Tree, directory: string): Map<string, FileEntry> {
  const byName = new Map<string, { path: string; file: FileEntry }>();
  const walk = (here: string): void => {
    for (const name of tree.names(here)) {
      const entry = tree.at(`${here}/${name}`);
      if (entry?.type === 'directory') walk(entry.path);
      if (entry === undefined || !MODULE_FILE.test(name)) continue;
      const file = entry.type === 'file' ? entry : tree.file(entry.path);
      if (file === undefined) continue;
      const path = entry.path.slice(directory.length + 1);
      const key = nameAt(path);
      if (!byName.has(key) || path.startsWith(OVERRIDES)) byName.set(key, { path, file });
    }
  };
  walk(directory);
  return new Map([...byName.values()].map(({ path, file }) => [path, file]));
}

/** Sorts by `modules.order`, the kernel's probing order; modules not listed there come last. */
function ordered<Value>(values: Map<string, Value>, order: string[]): Map<string, Value> {
  const sorted = new Map<string, Value>();
  const plain = new Map([...values.keys()].map((path) => [path.replace(MODULE_FILE, '.ko'), path]));
  for (const line of order) {
    const path = plain.get(line.replace(MODULE_FILE, '.ko'));
    const value = path === undefined ? undefined : values.get(path);
    if (path !== undefined && value !== undefined) sorted.set(path, value);
  }
  for (const [path, value] of values) sorted.set(path, value);
  return sorted;
}

function lines(tree: Tree, path: string): string[] {
  return (tree.text(path) ?? '').split('\n').filter((line) => line !== '');
}
