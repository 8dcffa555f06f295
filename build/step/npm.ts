import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { BuildError, must } from '../error.ts';

const packageSchema = z.object({
  version: z.string().optional(),
  integrity: z.string().optional(),
  license: z.string().optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
  peerDependencies: z.record(z.string(), z.string()).optional(),
});

/** Version 3 is written by npm 7 and later (package-lock.json(5)). */
const lockSchema = z.object({
  lockfileVersion: z.literal(3),
  packages: z.record(z.string(), packageSchema),
});

/** npm packages: folder in the project (`node_modules/zod`) → package; see package-lock.json(5). */
export type NpmPackages = ReadonlyMap<string, NpmPackage>;

export type NpmPackage = z.infer<typeof packageSchema>;

/**
 * Reads which packages npm has installed, from `node_modules/.package-lock.json`, which npm updates with every change.
 * `package-lock.json` may ask for different packages.
 * @throws BuildError if npm has installed nothing
 */
export function readInstalled(projectDirectory: string): NpmPackages {
  const file = join(projectDirectory, 'node_modules/.package-lock.json');
  return readPackages(file, 'Install the packages: npm ci');
}

/**
 * Reads which packages the project asks for, from `package-lock.json`.
 * @throws BuildError if the file is missing or not an npm lock
 */
export function readLocked(projectDirectory: string): NpmPackages {
  const file = join(projectDirectory, 'package-lock.json');
  return readPackages(file, 'Take it from the repository again, or write it with `npm install`.');
}

function readPackages(file: string, fix: string): NpmPackages {
  try {
    return parseNpmLock(readFileSync(file, 'utf8'));
  } catch (cause) {
    const what = `npm's list of packages cannot be read: ${cause instanceof Error ? firstLine(cause) : String(cause)}`;
    throw new BuildError({ what, where: file, fix, cause });
  }
}

/** Text of a lock → its packages. A build of several images reads the same lock for each image, and parsing is slow. */
const parsed = new Map<string, NpmPackages>();

/** Parses the text of an npm lock; see `readLocked`. */
export function parseNpmLock(text: string): NpmPackages {
  const before = parsed.get(text);
  if (before !== undefined) return before;
  const packages = new Map(Object.entries(lockSchema.parse(JSON.parse(text)).packages));
  parsed.set(text, packages);
  return packages;
}

/**
 * Lists the installed packages that differ from what the project asks for.
 * @returns one clause each: `tar is 7.5.22 instead of 7.5.23`
 */
export function listInstalledDifferently(installed: NpmPackages, locked: NpmPackages): string[] {
  return [...installed].flatMap(([folder, { version, integrity }]) => {
    const asked = locked.get(folder);
    if (asked === undefined) return [`${nameOf(folder)} is installed and not asked for`];
    if (asked.version !== version) {
      return [`${nameOf(folder)} is ${version} instead of ${asked.version}`];
    }
    return asked.integrity === integrity ? [] : [`${nameOf(folder)} is another ${version}`];
  });
}

/** Returns the identities of packages: name → version and integrity hash of the archive, as npm checked it. */
export function readNpmIdentities(
  npm: NpmPackages,
  folders: readonly string[],
): Record<string, Pick<NpmPackage, 'version' | 'integrity'>> {
  return Object.fromEntries(
    folders.map((folder) => {
      const { version, integrity } = must(npm.get(folder), `npm package in ${folder}`);
      return [nameOf(folder), { version, integrity }] as const;
    }),
  );
}

/** Returns a package's name, preceded by that of the package in whose folder it is installed, if any. */
function nameOf(folder: string): string {
  return folder.replace(/^node_modules\//, '');
}

/**
 * Returns packages and all their dependencies. As in npm's layout, a dependency is looked for in the package's own
 * `node_modules`, then in those of the folders above it. A missing dependency is skipped: either it is optional, or the
 * bundler reports it.
 * @param names the packages that the project's own source imports: `zod`, `@connectrpc/connect`
 * @returns folders in the project, sorted
 */
export function computeNpmClosure(npm: NpmPackages, names: Iterable<string>): string[] {
  const found = new Set<string>();
  const waiting = [...names].flatMap((name) => resolve(npm, '', name) ?? []);
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    if (found.has(folder)) continue;
    found.add(folder);
    const one = must(npm.get(folder), `npm package in ${folder}`);
    const { dependencies, optionalDependencies, peerDependencies } = one;
    const all = { ...dependencies, ...optionalDependencies, ...peerDependencies };
    for (const name of Object.keys(all)) {
      const target = resolve(npm, folder, name);
      if (target !== undefined) waiting.push(target);
    }
  }
  return [...found].sort();
}

/** Returns the folder in which Node finds a package that a file in `folder` imports. */
function resolve(npm: NpmPackages, folder: string, name: string): string | undefined {
  for (let from = folder; ; from = from.replace(/(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/, '')) {
    const candidate = from === '' ? `node_modules/${name}` : `${from}/node_modules/${name}`;
    if (npm.has(candidate)) return candidate;
    if (from === '') return undefined;
  }
}

function firstLine({ message }: Error): string {
  return message.split('\n')[0] ?? '';
}
