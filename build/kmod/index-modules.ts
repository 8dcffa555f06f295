import { BuildError } from '../error.ts';
import type { FileEntry } from '../tree/entry.ts';
import { nameOf } from '../tree/path.ts';
import type { Tree } from '../tree/tree.ts';
import { MODULE_FILE, moduleName, readModuleInfo } from './modinfo.ts';
import { type KernelModule, ModuleIndex } from './module-index.ts';
import { MODULES } from './release.ts';

export { closure } from './closure.ts';

/** Where modules override those of the same name elsewhere (depmod.d(5), `search`). */
const OVERRIDES = 'updates/';

/**
 * Indexes the modules of a kernel as depmod(8) would, from their `.modinfo` sections alone.
 * @param release as `kernelRelease` tells
 * @throws BuildError if there is no such kernel, a module is damaged, or one needs a module that is not there
 */
export function indexModules(tree: Tree, release: string): ModuleIndex {
  const directory = release === '' ? undefined : tree.canonical(`${MODULES}/${release}`);
  if (directory === undefined) {
    throw new BuildError({
      what: release === '' ? 'the tree has no kernel modules' : `there is no kernel ${release}`,
      where: `/${MODULES}/${release}`,
      fix: 'Check the kernel package of the profile.',
    });
  }
  const files = moduleFiles(tree, directory);
  const order = lines(tree, `${directory}/modules.order`);
  const modules = [...ordered(files, order)].map(
    ([path, file]): KernelModule => ({
      name: moduleName(nameOf(path).replace(MODULE_FILE, '')),
      path,
      ...readModuleInfo(tree, file),
    }),
  );
  return new ModuleIndex(release, modules, lines(tree, `${directory}/modules.builtin`));
}

/** Path relative to `directory` → file; of modules of the same name only the one that counts. */
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
      const key = moduleName(name.replace(MODULE_FILE, ''));
      if (!byName.has(key) || path.startsWith(OVERRIDES)) byName.set(key, { path, file });
    }
  };
  walk(directory);
  return new Map([...byName.values()].map(({ path, file }) => [path, file]));
}

/** In the order of `modules.order`, which is the kernel's order of probing; what is not in it comes last. */
function ordered(files: Map<string, FileEntry>, order: string[]): Map<string, FileEntry> {
  const sorted = new Map<string, FileEntry>();
  const plain = new Map([...files.keys()].map((path) => [path.replace(MODULE_FILE, '.ko'), path]));
  for (const line of order) {
    const path = plain.get(line.replace(MODULE_FILE, '.ko'));
    const file = path === undefined ? undefined : files.get(path);
    if (path !== undefined && file !== undefined) sorted.set(path, file);
  }
  for (const [path, file] of files) sorted.set(path, file);
  return sorted;
}

function lines(tree: Tree, path: string): string[] {
  return (tree.text(path) ?? '').split('\n').filter((line) => line !== '');
}
