import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultLibraryPaths } from '../audit/library-paths.ts';
import { skeleton } from '../base/system/skeleton.ts';
import type { OpenedPackage } from '../contract/base.ts';
import { parseElf } from '../elf/elf.ts';
import { treeSource } from '../elf/source.ts';
import { BuildError } from '../error.ts';
import { ContentReader } from '../tree/content.ts';
import type { FileEntry } from '../tree/entry.ts';
import { nameOf } from '../tree/path.ts';
import { Tree } from '../tree/tree.ts';

/** How a program is called on this host. */
export interface Command {
  /** Path of what is run. */
  readonly command: string;
  /** What comes before the program's own arguments. */
  readonly before: readonly string[];
  /** Variables that it needs. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Programs of a base, laid out to be run on this host by their own dynamic loader. */
export interface OwnLoader {
  /** How one of them is called, by a name of its own. */
  call(file: string, name: string): Command;
}

/** A Node from packages that was laid out in a folder. */
export interface OwnNode {
  /** Path of the program. */
  readonly node: string;
  /** Absent if it needs no loader: it is linked statically. */
  readonly loader: OwnLoader | undefined;
}

/** Where ICU has its data, of which Node makes dates and numbers; without them it does not start. */
const ICU_DATA = 'usr/share/icu';

/**
 * Lays out a Node from packages in a folder, with its loader and the libraries that it needs, and nothing else: it is
 * not installed, and no script is run.
 * @param program where the packages have it, as a tree path
 * @param directory an empty folder
 * @throws BuildError if the packages lack the program, its loader or a library
 */
export async function layOutNode(
  packages: readonly OpenedPackage[],
  program: string,
  directory: string,
): Promise<OwnNode> {
  using reader = new ContentReader();
  const tree = treeOf(packages, reader);
  const file = tree.file(program);
  const where = packages.map(({ locked }) => locked.name).join(', ');
  if (file === undefined) throw lacking(program, where);
  const { interpreter, machine } = parseElf(treeSource(tree, file));
  const node = join(directory, 'node');
  copyOut(reader, file, node, 0o755);
  if (interpreter === undefined) return { node, loader: undefined };
  const loader = tree.file(interpreter);
  if (loader === undefined) throw lacking(interpreter, where);
  const libraries = join(directory, 'lib');
  await mkdir(libraries);
  for (const [name, library] of librariesOf(tree, file, { machine, where })) {
    copyOut(reader, library, join(libraries, name), 0o755);
  }
  const command = join(directory, nameOf(loader.path));
  copyOut(reader, loader, command, 0o755);
  const environment = await layOutData(tree, reader, join(directory, 'icu'));
  return {
    node,
    loader: {
      call: (called, name) => ({
        command,
        before: ['--argv0', name, '--library-path', libraries, called],
        environment,
      }),
    },
  };
}

/** The packages as they are on a system with a merged `/usr`; of two files with one path the last one counts. */
function treeOf(packages: readonly OpenedPackage[], reader: ContentReader): Tree {
  const tree = new Tree(reader);
  for (const entry of skeleton()) tree.add(entry);
  for (const { entries } of packages) {
    for (const entry of entries) if (!isMergedLink(entry.path)) tree.replace(entry);
  }
  return tree;
}

/** A package may bring a link of the merged `/usr`, which is there already. */
function isMergedLink(path: string): boolean {
  return /^(?:bin|sbin|lib|lib64)$/.test(path);
}

/** The libraries that a program needs, and those that these need: name → file. */
function librariesOf(
  tree: Tree,
  program: FileEntry,
  { machine, where }: { machine: number; where: string },
): Map<string, FileEntry> {
  const paths = defaultLibraryPaths(tree, machine);
  const found = new Map<string, FileEntry>();
  const waiting = [program];
  for (const file of waiting) {
    for (const name of parseElf(treeSource(tree, file)).needed) {
      if (found.has(name)) continue;
      const library = paths.map((path) => tree.file(`${path}/${name}`)).find((one) => one);
      if (library === undefined) throw lacking(name, where);
      found.set(name, library);
      waiting.push(library);
    }
  }
  return found;
}

/** ICU's data in one folder, and the variables that say so to ICU and to Node; nothing if ICU is in Node itself. */
async function layOutData(
  tree: Tree,
  reader: ContentReader,
  directory: string,
): Promise<Record<string, string>> {
  const files = tree
    .entries()
    .filter(({ path }) => path.startsWith(`${ICU_DATA}/`) && path.endsWith('.dat'))
    .flatMap((entry) => tree.file(entry.path) ?? []);
  if (files.length === 0) return {};
  await mkdir(directory);
  for (const file of files) copyOut(reader, file, join(directory, nameOf(file.path)), 0o644);
  return { ICU_DATA: directory, NODE_ICU_DATA: directory };
}

const CHUNK = 1024 * 1024;

function copyOut(reader: ContentReader, file: FileEntry, into: string, mode: number): void {
  const descriptor = openSync(into, 'wx', mode);
  try {
    for (let at = 0; at < file.size; at += CHUNK) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, file.size - at));
      reader.read(file, at, chunk);
      for (let done = 0; done < chunk.length; ) done += writeSync(descriptor, chunk, done);
    }
  } finally {
    closeSync(descriptor);
  }
}

function lacking(what: string, where: string): BuildError {
  return new BuildError({
    what: `Node cannot be run to prepare the programs: its packages have no ${what}`,
    where,
    fix: 'Write the lock again: make lock; or name an archive of Node in the profile.',
  });
}
