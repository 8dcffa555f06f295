import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { sha256 } from './digest.ts';

const IMPORT = /\b(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g;

/**
 * Digests of the toolchain's own source that a step runs: a file and all it imports, directly or not.
 * They belong into the step's key, so that a changed builder never serves an old result.
 * Type-only imports count too: a step more is redone then, never one too few.
 * @param projectDirectory where paths start
 * @param entries files to begin with, relative to it
 * @returns path relative to the project → SHA-256, sorted
 */
export function sourceDigests(
  projectDirectory: string,
  entries: readonly string[],
): Record<string, string> {
  const digests = new Map<string, string>();
  const waiting = entries.map((entry) => join(projectDirectory, entry));
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const name = relative(projectDirectory, file);
    if (digests.has(name)) continue;
    const text = readFileSync(file, 'utf8');
    digests.set(name, sha256(text));
    for (const [, imported] of text.matchAll(IMPORT)) {
      const target = join(dirname(file), imported ?? '');
      if (existsSync(target)) waiting.push(target);
    }
  }
  return Object.fromEntries([...digests].sort(([a], [b]) => (a < b ? -1 : 1)));
}
