import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { errorCode } from '../process/errno.ts';

/** Path relative to the project → text, sorted by path. */
export type Sources = Readonly<Record<string, string>>;

/** A source file that has been read. */
export interface SourceFile {
  readonly text: string;
  /** Absolute paths of the files that it imports. */
  readonly imports: readonly string[];
}

/** Imports found in a text, in order of appearance. */
interface Imports {
  /** Relative imports as written: `./step.ts`; they may not exist. */
  files: string[];
  /** npm packages: `zod`, `@connectrpc/connect`. */
  packages: string[];
}

const IMPORT = /\b(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g;

/** Imports of types only, which are erased before the code runs. */
const TYPES_ONLY =
  /\b(?:import|export)\s+type\s+(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+)\s+from\s*['"][^'"]+['"]/g;

/**
 * Reads source files and, transitively, all files that they import. Imports of types only are ignored, and so is text
 * that only looks like an import of a file.
 * @param projectDirectory folder that paths are relative to
 * @param entries files to start with, relative to `projectDirectory`
 * @param known files read before, by absolute path; they are not read again
 */
export function readSources(
  projectDirectory: string,
  entries: readonly string[],
  known: Map<string, SourceFile> = new Map(),
): Sources {
  const texts = new Map<string, string>();
  const waiting = entries.map((entry) => join(projectDirectory, entry));
  const folder = join(projectDirectory, '/');
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const name = file.startsWith(folder) ? file.slice(folder.length) : relative(folder, file);
    if (texts.has(name)) continue;
    const source = known.get(file) ?? readIfThere(file);
    if (source === undefined) continue;
    known.set(file, source);
    texts.set(name, source.text);
    waiting.push(...source.imports);
  }
  return Object.fromEntries([...texts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Absolute path → the file as last read: if its text is unchanged, its imports are too. */
const lastRead = new Map<string, SourceFile>();

function readIfThere(file: string): SourceFile | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    const before = lastRead.get(file);
    if (before?.text === text) return before;
    const imports = importsOf(text).files.map((specifier) => join(dirname(file), specifier));
    const source = { text, imports };
    lastRead.set(file, source);
    return source;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'EISDIR') return undefined;
    throw error;
  }
}

/** Returns the names of the npm packages that source files import. */
export function listImportedPackages(sources: Sources): Set<string> {
  return new Set(Object.values(sources).flatMap((text) => importsOf(text).packages));
}

/** Text → its imports. Several steps, and several images, share most of their files. */
const knownImports = new Map<string, Imports>();

function importsOf(text: string): Imports {
  const before = knownImports.get(text);
  if (before !== undefined) return before;
  const imports: Imports = { files: [], packages: [] };
  for (const [, specifier = ''] of text.replaceAll(TYPES_ONLY, '').matchAll(IMPORT)) {
    if (specifier.startsWith('.')) imports.files.push(specifier);
    else if (!isBuiltin(specifier)) {
      const name = /^(?:@[^/\s]+\/)?[^/\s]+/.exec(specifier)?.[0];
      if (name !== undefined) imports.packages.push(name);
    }
  }
  knownImports.set(text, imports);
  return imports;
}
