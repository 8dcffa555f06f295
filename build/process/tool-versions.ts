import { createHash } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from './atomic-write.ts';
import { errorCode } from './errno.ts';
import { run } from './run.ts';
import { readToolVersion, type VersionedTool } from './tool-version.ts';

/**
 * Libraries that affect the bytes that a tool writes: compressors, and the writers of ISO 9660. `fakeroot` is not
 * listed: it reports other owners to mksquashfs, but its version does not affect the bytes.
 */
const SHAPING_LIBRARIES: { readonly [Tool in VersionedTool]?: RegExp } = {
  mksquashfs: /^lib(?:zstd|lzma)\.so/,
  'qemu-img': /^lib(?:z|zstd)\.so/,
  xorriso: /^lib(?:isofs|isoburn|burn)\.so/,
};

/** Path of a tool → its version, and the files that determine the version, each with its stamp. */
const memorySchema = z.record(
  z.string(),
  z.object({ version: z.string(), files: z.record(z.string(), z.string()) }),
);

type Memory = z.infer<typeof memorySchema>;

/**
 * Determines the versions of host tools, including the libraries that affect their output. The version of a tool is
 * remembered until one of its files changes; that of a script, which may run anything, is determined each time.
 * @param memoryFile file in which versions are remembered
 * @param mayLack whether tools may be missing; the version of a missing tool is a text that says so
 * @throws BuildError if another tool is missing, or its output is not understood
 */
export async function readToolVersions<Tool extends VersionedTool>(
  tools: readonly Tool[],
  memoryFile: string,
  mayLack = false,
): Promise<ReadonlyMap<Tool, string>> {
  const memory = readMemory(memoryFile);
  const learned: Memory = {};
  const versions = await Promise.all(
    tools.map(async (tool) => {
      const path = findProgram(tool);
      if (path === undefined && mayLack) return [tool, 'not on this host'] as const;
      const known = path === undefined ? undefined : memory[path];
      if (known !== undefined && isSame(known.files)) return [tool, known.version] as const;
      const libraries = await shapingLibraries(tool);
      const parts = [await readToolVersion(tool), ...libraries.map(versionedName)];
      const version = parts.join(' ');
      if (path !== undefined && isElf(path)) {
        learned[path] = { version, files: stampsOf([path, ...libraries]) };
      }
      return [tool, version] as const;
    }),
  );
  if (Object.keys(learned).length > 0) {
    await mkdir(dirname(memoryFile), { recursive: true });
    await writeFileAtomically(memoryFile, JSON.stringify({ ...memory, ...learned }));
  }
  return new Map(versions);
}

function readMemory(file: string): Memory {
  try {
    return memorySchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data ?? {};
  } catch (error) {
    if (error instanceof SyntaxError || errorCode(error) === 'ENOENT') return {};
    throw error;
  }
}

/** Returns the path of a program, as execvp(3) finds it. */
function findProgram(name: string): string | undefined {
  return findPrograms(name)[0];
}

/** Returns the paths of all programs of a name on PATH, in order of precedence. */
function findPrograms(name: string): string[] {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).filter(isProgram);
}

/** Whether a path is a program that the caller may run; in inaccessible folders of PATH there are none. */
function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Returns the paths of a tool's libraries, as the loader finds them: `/lib/…/libzstd.so.1`. For a script, these are the
 * libraries of the next program of the same name on PATH, because such scripts call it.
 */
async function shapingLibraries(tool: VersionedTool): Promise<string[]> {
  const shaping = SHAPING_LIBRARIES[tool];
  if (shaping === undefined) return [];
  const program = findPrograms(tool).find(isElf);
  if (program === undefined) return [];
  const lines = (await run('ldd', [program])).matchAll(/^\s*(\S+) => (\/.*) \(0x[0-9a-f]+\)$/gm);
  return [...lines].flatMap(([, name = '', file = '']) => (shaping.test(name) ? file : []));
}

/** Returns a library's file name with its version, `libzstd.so.1.5.4`, or with a digest if the name has no version. */
function versionedName(library: string): string {
  const name = basename(realpathSync(library));
  if (/\.so\.\d+\.\d/.test(name)) return name;
  const digest = createHash('sha256').update(readFileSync(library)).digest('hex');
  return `${name} ${digest.slice(0, 16)}`;
}

function isElf(path: string): boolean {
  const descriptor = openSync(path, 'r');
  try {
    const start = Buffer.alloc(4);
    readSync(descriptor, start);
    return start.toString('latin1') === '\x7fELF';
  } finally {
    closeSync(descriptor);
  }
}

function stampsOf(files: readonly string[]): Record<string, string> {
  return Object.fromEntries(files.map((file) => [file, stampOf(file) ?? '']));
}

function isSame(files: Readonly<Record<string, string>>): boolean {
  return Object.entries(files).every(([file, stamp]) => stampOf(file) === stamp);
}

function stampOf(file: string): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat && [stat.dev, stat.ino, stat.size, stat.mtimeMs, stat.ctimeMs].join(' ');
}
