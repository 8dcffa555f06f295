import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BaseName } from '../bases.ts';
import { type Lock, lockSchema } from '../contract/lock.ts';
import { BuildError } from '../error.ts';
import { writeFileAtomically } from '../process/atomic-write.ts';
import type { Profile } from '../profile/profile.ts';

/** The fields of a profile that determine the paths of its locks. */
type Locked = Pick<Profile, 'file' | 'name' | 'architecture'>;

/** Returns the path of a profile's lock for its architecture and a base; it is beside the profile. */
export function lockFile({ file, name, architecture }: Locked, base: BaseName): string {
  return join(dirname(file), `${name}.${base}.${architecture}.lock.json`);
}

/** Whether a profile has a lock for a base. */
export function isLocked(profile: Locked, base: BaseName): boolean {
  return existsSync(lockFile(profile, base));
}

/**
 * Reads a lock.
 * @returns `undefined` if there is none
 * @throws BuildError naming the first wrong key if it is malformed
 */
export function readLock(file: string): Lock | undefined {
  if (!existsSync(file)) return undefined;
  return parseLock(readFileSync(file, 'utf8'), file);
}

/** Parses the text of a lock; see `readLock`. */
export function parseLock(text: string, file: string): Lock {
  return checkedLock(parseJson(text, file), file);
}

function checkedLock(value: unknown, where: string): Lock {
  const checked = lockSchema.safeParse(value);
  if (checked.success) return checked.data;
  const { path = [], message } = checked.error.issues[0] ?? {};
  const key = path.length === 0 ? '' : `${path.map(String).join('.')}: `;
  throw new BuildError({
    what: `lock is wrong: ${key}${message}`,
    where,
    fix: 'Write it again with `make lock`.',
    cause: checked.error,
  });
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BuildError({
      what: `lock is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      where: file,
      fix: 'Write it again with `make lock`.',
      cause,
    });
  }
}

/**
 * Writes a lock: keys and packages sorted, one package per line, so that a diff reads as a list of changes.
 * @returns the lock as in the file, in its order, because the order of packages affects step keys
 * @throws BuildError if the base's result is not a valid lock
 */
export async function writeLock(file: string, lock: Lock): Promise<Lock> {
  const text = formatLock(lock);
  await writeFileAtomically(file, text);
  return parseLock(text, file);
}

/** Formats a lock; the same lock always gives the same text. */
export function formatLock(lock: Lock): string {
  // The check sorts keys in the order of the schema.
  const { packages, ...rest } = checkedLock(
    lock,
    `${lock.profile}.${lock.base}.${lock.architecture}`,
  );
  const head = JSON.stringify({ ...rest, request: sortRequest(rest.request) }, null, 2);
  const lines = packages.sort(byNameThenFlavour).map((one) => `    ${packageLine(one)}`);
  return `${head.slice(0, -2)},\n  "packages": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

function packageLine({ flavour, ...rest }: Lock['packages'][number]): string {
  return JSON.stringify({ ...rest, flavour });
}

function sortRequest(request: Lock['request']): Lock['request'] {
  return {
    ...request,
    packages: [...request.packages].sort(),
    without: [...request.without].sort(),
  };
}

function byNameThenFlavour(a: Lock['packages'][number], b: Lock['packages'][number]): number {
  const left = `${a.name} ${a.flavour ?? ''}`;
  const right = `${b.name} ${b.flavour ?? ''}`;
  return left < right ? -1 : left > right ? 1 : 0;
}
