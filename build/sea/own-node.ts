import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { listDefaultLibraryPaths } from '../audit/library-paths.ts';
import { makeSkeleton } from '../base/system/skeleton.ts';
import type { OpenedPackage } from '../contract/base.ts';
import { parseElf } from '../elf/elf.ts';
import { makeTreeSource } from '../elf/source.ts';
import { BuildError } from '../error.ts';
import { ContentReader } from '../tree/content.ts';
import type { FileEntry } from '../tree/entry.ts';
import { nameOf } from '../tree/path.ts';
import { Tree } from '../tree/tree.ts';

/** How to run a program on this host. */
export interface Command {
  /** Path of the command. */
  readonly command: string;
  /** Arguments before the program's own. */
  readonly before: readonly string[];
  /** Variables that it needs. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The dynamic loader of a base, copied to a folder, with which programs of the base run on this host. */
export interface OwnLoader {
  /** Returns the command that runs the program in a file; `name` becomes its `argv[0]`. */
  call(file: string, name: string): Command;
}

/** A Node from packages, copied to a folder. */
export interface OwnNode {
  /** Path of the executable. */
  readonly node: string;
  /** Absent if it needs no loader because it is statically linked. */
  readonly loader: OwnLoader | undefined;
}

/** Folder of ICU's data, which Node needs for dates and numbers; it does not start without them. */
const ICU_DATA = 'usr/share/icu';

/**
 * Copies Node from packages to a folder, with only its loader and the libraries that it needs. No package is installed,
 * and no script is run.
 * @param program tree path of the executable in the packages
 * @param directory an empty folder
 * @throws BuildError if the packages lack the executable, its loader or a library
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
  const { interpreter, machine } = parseElf(makeTreeSource(tree, file));
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

/** Returns the tree of packages on a system with a merged `/usr`; of two files with one path, the last one is used. */
function treeOf(packages: readonly OpenedPackage[], reader: ContentReader): Tree {
  const tree = new Tree(reader);
  for (const entry of makeSkeleton()) tree.add(entry);
  for (const { entries } of packages) {
    for (const entry of entries) if (!isMergedLink(entry.path)) tree.replace(entry);
  }
  return tree;
}

/**
 * Whether a path is one of the links of a merged `/usr`; the tree has them already, and a package may have them, too.
 */
function isMergedLink(path: string): boolean {
  return /^(?:bin|sbin|lib|lib64)$/.test(path);
}

/** Returns the direct and indirect libraries of a program: name → file. */
function librariesOf(
  tree: Tree,
  program: FileEntry,
  { machine, where }: { machine: number; where: string },
): Map<string, FileEntry> {
  const paths = listDefaultLibraryPaths(tree, machine);
  const found = new Map<string, FileEntry>();
  const waiting = [program];
  for (const file of waiting) {
    for (const name of parseElf(makeTreeSource(tree, file)).needed) {
      if (found.has(name)) continue;
      const library = paths.map((path) => tree.file(`${path}/${name}`)).find((one) => one);
      if (library === undefined) throw lacking(name, where);
      found.set(name, library);
      waiting.push(library);
    }
  }
  return found;
}

/** Copies ICU's data to a folder, and returns the variables that name it; nothing if ICU is part of Node. */
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
