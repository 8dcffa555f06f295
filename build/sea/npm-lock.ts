import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { BuildError } from '../error.ts';

const packageSchema = z.object({
  version: z.string().optional(),
  integrity: z.string().optional(),
  license: z.string().optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
  peerDependencies: z.record(z.string(), z.string()).optional(),
});

/** Version 3 is npm's since 7 (package-lock.json(5)). */
const lockSchema = z.object({
  lockfileVersion: z.literal(3),
  packages: z.record(z.string(), packageSchema),
});

/** What npm installed: folder in the project (`node_modules/zod`) → package; see package-lock.json(5). */
export type NpmLock = ReadonlyMap<string, NpmPackage>;

export type NpmPackage = z.infer<typeof packageSchema>;

/**
 * Reads the project's `package-lock.json`.
 * @throws BuildError if it is missing or is no lock of npm
 */
export function readNpmLock(projectDirectory: string): NpmLock {
  const file = join(projectDirectory, 'package-lock.json');
  try {
    return parseNpmLock(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new BuildError({
      what: `npm's lock cannot be read: ${cause instanceof Error ? firstLine(cause) : String(cause)}`,
      where: file,
      fix: 'Take it from the repository again, or write it with `npm install`.',
      cause,
    });
  }
}

/** Parses the text of a `package-lock.json`; see `readNpmLock`. */
export function parseNpmLock(text: string): NpmLock {
  return new Map(Object.entries(lockSchema.parse(JSON.parse(text)).packages));
}

/**
 * Packages and all that they depend on, as npm lays them out: a dependency is looked for in the package's own
 * `node_modules`, then in those of the folders above it. What the lock does not have is passed over: it is optional,
 * or the bundler tells where it is missing.
 * @param names what the project's own source imports: `zod`, `@connectrpc/connect`
 * @returns folders in the project, sorted
 */
export function npmClosure(lock: NpmLock, names: Iterable<string>): string[] {
  const found = new Set<string>();
  const waiting = [...names].flatMap((name) => resolve(lock, '', name) ?? []);
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    if (found.has(folder)) continue;
    found.add(folder);
    const { dependencies, optionalDependencies, peerDependencies } = lock.get(folder) ?? {};
    const all = { ...dependencies, ...optionalDependencies, ...peerDependencies };
    for (const name of Object.keys(all)) {
      const target = resolve(lock, folder, name);
      if (target !== undefined) waiting.push(target);
    }
  }
  return [...found].sort();
}

/** Where Node would find a package that a file in `folder` imports. */
function resolve(lock: NpmLock, folder: string, name: string): string | undefined {
  for (let from = folder; ; from = from.replace(/(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/, '')) {
    const candidate = from === '' ? `node_modules/${name}` : `${from}/node_modules/${name}`;
    if (lock.has(candidate)) return candidate;
    if (from === '') return undefined;
  }
}

function firstLine({ message }: Error): string {
  return message.split('\n')[0] ?? '';
}
