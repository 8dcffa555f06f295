import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { readHeader } from '../elf/header.ts';
import { readSection } from '../elf/sections.ts';
import { type ElfSource, makeMemorySource, makeTreeSource } from '../elf/source.ts';
import { BuildError } from '../error.ts';
import type { Content, FileEntry } from '../tree/entry.ts';
import type { Tree } from '../tree/tree.ts';

/** Largest `.modinfo` that is accepted, in bytes; the largest of Debian's cloud kernel 6.1 has 6 KiB. */
const LONGEST_MODINFO = 4 * 1024 * 1024;
/** Largest decompressed module that is accepted, in bytes. */
const LARGEST_MODULE = 256 * 1024 * 1024;

/** Metadata of a kernel module (`MODULE_INFO` of the kernel's `include/linux/module.h`). */
export interface ModuleInfo {
  /** `alias=`: patterns of device ids and names that it handles. */
  readonly aliases: readonly string[];
  /** `depends=`: names of modules whose symbols it uses. */
  readonly depends: readonly string[];
  /** `softdep=`: modules that modprobe should load before or after it, as written: `pre: a b post: c`. */
  readonly softdeps: readonly string[];
  /** `firmware=`: files below /lib/firmware that it may load. */
  readonly firmware: readonly string[];
}

type Lists = Record<keyof ModuleInfo, string[]>;

/** File name extension of a module, compressed or not. */
export const MODULE_FILE = /\.ko(\.gz|\.zst|\.xz)?$/;

/**
 * Reads a module's `.modinfo` section. Of an uncompressed module only the headers and that section are read; a
 * compressed one is decompressed.
 * @throws BuildError if the module is damaged, or compressed in a way that Node does not support (xz)
 */
export function readModuleInfo(tree: Tree, file: FileEntry): ModuleInfo {
  const known = readBefore.get(file.content);
  if (known !== undefined) return known;
  const source = moduleSource(tree, file);
  const wanted = { name: '.modinfo', most: LONGEST_MODINFO };
  const section = readSection(source, readHeader(source), wanted);
  if (section === undefined) throw unreadable(file, 'has no .modinfo section');
  const info = parseModuleInfo(section, file.path);
  if (file.content.in === 'file') readBefore.set(file.content, info);
  return info;
}

/** Metadata of modules in opened packages, which never change: initramfs and root filesystem use the same modules. */
const readBefore = new WeakMap<Content, ModuleInfo>();

/**
 * Parses a `.modinfo` section: strings `key=value`, each terminated by NUL.
 * @param where path of the module, for messages
 * @throws BuildError if a value would break the index files that it is written to
 */
export function parseModuleInfo(section: Buffer, where: string): ModuleInfo {
  const info: Lists = { aliases: [], depends: [], softdeps: [], firmware: [] };
  for (const line of section.toString('latin1').split('\0')) {
    const list = listOf(info, line);
    if (list === undefined) continue;
    const value = line.slice(line.indexOf('=') + 1);
    if (value.includes('\n')) {
      throw new BuildError({
        what: `kernel module information holds a line feed: ${JSON.stringify(line.slice(0, 80))}`,
        where,
        fix: 'The module is damaged or hostile.',
      });
    }
    if (list !== info.depends) list.push(value);
    else
      list.push(
        ...value
          .split(',')
          .filter((name) => name !== '')
          .map(normalizeModuleName),
      );
  }
  return info;
}

function listOf(info: Lists, line: string): string[] | undefined {
  if (line.startsWith('alias=')) return info.aliases;
  if (line.startsWith('depends=')) return info.depends;
  if (line.startsWith('softdep=')) return info.softdeps;
  if (line.startsWith('firmware=')) return info.firmware;
  return undefined;
}

/** Normalises the name of a module as the kernel does: `-` and `_` are equivalent. */
export function normalizeModuleName(name: string): string {
  return name.replaceAll('-', '_');
}

function moduleSource(tree: Tree, file: FileEntry): ElfSource {
  if (file.path.endsWith('.ko')) return makeTreeSource(tree, file);
  const limit = { maxOutputLength: LARGEST_MODULE };
  try {
    if (file.path.endsWith('.gz')) {
      return makeMemorySource(file.path, gunzipSync(tree.bytes(file), limit));
    }
    if (file.path.endsWith('.zst')) {
      return makeMemorySource(file.path, zstdDecompressSync(tree.bytes(file), limit));
    }
  } catch (cause) {
    if (cause instanceof BuildError) throw cause;
    throw unreadable(file, 'cannot be unpacked', cause);
  }
  throw unreadable(file, 'is packed with xz, which is not supported');
}

function unreadable(file: FileEntry, why: string, cause?: unknown): BuildError {
  return new BuildError({
    what: `kernel module ${why}`,
    where: file.path,
    fix: 'Use a kernel package with plain, gzip or zstd modules.',
    cause,
  });
}
