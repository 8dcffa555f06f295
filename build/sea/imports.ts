import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';

const IMPORT = /\b(?:from|import)\s*\(?\s*['"]([^.'"/][^'"]*)['"]/g;

/**
 * Names of the npm packages that source files import, also for types only: `zod`, `@connectrpc/connect`.
 * @param files relative to the project
 */
export function importedPackages(projectDirectory: string, files: Iterable<string>): Set<string> {
  const names = new Set<string>();
  for (const file of files) {
    const text = readFileSync(join(projectDirectory, file), 'utf8');
    for (const [, specifier = ''] of text.matchAll(IMPORT)) {
      const name = /^(?:@[^/\s]+\/)?[^/\s]+/.exec(specifier)?.[0];
      if (name !== undefined && !isBuiltin(specifier)) names.add(name);
    }
  }
  return names;
}
