import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { errorCode } from '../process/errno.ts';

/** Path relative to the project → text, sorted by path. */
export type Sources = Readonly<Record<string, string>>;

/** A file that was read. */
export interface SourceFile {
  readonly text: string;
  /** Absolute paths of the files that it imports. */
  readonly imports: readonly string[];
}

/** What one file imports, in the order in which it names them. */
interface Imports {
  /** Files, by absolute path; whether they exist was not looked at. */
  files: string[];
  /** npm packages: `zod`, `@connectrpc/connect`. */
  packages: string[];
}

const IMPORT = /\b(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g;

/** An import of types alone: it is erased before the code runs. */
const TYPES_ONLY =
  /\b(?:import|export)\s+type\s+(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+)\s+from\s*['"][^'"]+['"]/g;

/**
 * Reads source files and all the files that they import, directly or not. Imports of types alone are passed over, and
 * what only looks like an import of a file.
 * @param projectDirectory where paths start
 * @param entries files to begin with, relative to it
 * @param known files that were read before, by absolute path; they are not read anew
 */
export function readSources(
  projectDirectory: string,
  entries: readonly string[],
  known: Map<string, SourceFile> = new Map(),
): Sources {
  const texts = new Map<string, string>();
  const waiting = entries.map((entry) => join(projectDirectory, entry));
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const name = relative(projectDirectory, file);
    if (texts.has(name)) continue;
    const source = known.get(file) ?? readIfThere(file);
    if (source === undefined) continue;
    known.set(file, source);
    texts.set(name, source.text);
    waiting.push(...source.imports);
  }
  return Object.fromEntries([...texts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function readIfThere(file: string): SourceFile | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    return { text, imports: importsOf(text, file).files };
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'EISDIR') return undefined;
    throw error;
  }
}

/** The npm packages that source files import by name. */
export function importedPackages(sources: Sources): Set<string> {
  return new Set(Object.entries(sources).flatMap(([file, text]) => importsOf(text, file).packages));
}

/** Text → what it says it imports. Several steps have most of their files in common, and so have several images. */
const specifiersOf = new Map<string, readonly string[]>();

function readSpecifiers(text: string): readonly string[] {
  const before = specifiersOf.get(text);
  if (before !== undefined) return before;
  const matches = text.replaceAll(TYPES_ONLY, '').matchAll(IMPORT);
  const specifiers = Array.from(matches, ([, specifier = '']) => specifier);
  specifiersOf.set(text, specifiers);
  return specifiers;
}

function importsOf(text: string, file: string): Imports {
  const imports: Imports = { files: [], packages: [] };
  for (const specifier of readSpecifiers(text)) {
    if (specifier.startsWith('.')) imports.files.push(join(dirname(file), specifier));
    else if (!isBuiltin(specifier)) {
      const name = /^(?:@[^/\s]+\/)?[^/\s]+/.exec(specifier)?.[0];
      if (name !== undefined) imports.packages.push(name);
    }
  }
  return imports;
}
