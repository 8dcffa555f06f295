import { resolve } from 'node:path';
import { type ArchitectureName, DEFAULT_ARCHITECTURE } from '../../../build/architecture.ts';
import { loadProfile } from '../../../build/profile/load.ts';
import type { Profile } from '../../../build/profile/profile.ts';

/** The project under test. */
export const PROJECT = resolve(import.meta.dirname, '../../..');

/** Returns a copy of a shipped profile, which the caller may change. */
export async function shippedProfile(
  name = 'qvdc',
  architecture: ArchitectureName = DEFAULT_ARCHITECTURE,
): Promise<Profile> {
  return structuredClone(await loadProfile(PROJECT, name, architecture));
}

/** Returns a copy of a value with another value at the path of a key. */
export function withKey(value: unknown, [key, ...rest]: readonly string[], to: unknown): unknown {
  if (key === undefined) return to;
  const fields = new Map(Object.entries(value ?? {}));
  fields.set(key, withKey(fields.get(key), rest, to));
  return Object.fromEntries(fields);
}

/** Returns a copy of a value without the key at a path. */
export function withoutKey(value: unknown, path: readonly string[]): unknown {
  const [last = '', ...before] = [...path].reverse();
  const parent = before.reverse().reduce((at: unknown, key) => fieldsOf(at)[key], value);
  const { [last]: _, ...kept } = fieldsOf(parent);
  return withKey(value, before, kept);
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value ?? {}));
}
