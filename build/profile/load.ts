import { existsSync, readdirSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { z } from 'zod';
import { type ArchitectureName, DEFAULT_ARCHITECTURE } from '../architecture.ts';
import { BuildError } from '../error.ts';
import { ownNames, type Profile, selectProfile } from './profile.ts';
import { type CheckedProfile, profileSchema } from './schema.ts';

/** Lists the names of a project's profiles: every `profiles/*.ts`, sorted. */
export function listProfileNames(projectDirectory: string): string[] {
  return readdirSync(join(projectDirectory, 'profiles'), { withFileTypes: true })
    .filter((file) => file.isFile() && file.name.endsWith('.ts'))
    .map((file) => file.name.slice(0, -'.ts'.length))
    .sort();
}

/**
 * Loads and checks a profile.
 * @param wanted the name of a profile in the project, `profiles/<name>.ts`, or the absolute path of any other
 * @returns the profile for one architecture
 * @throws BuildError if there is no such profile, it cannot be loaded, or any of its keys is wrong (all wrong keys are
 *   named)
 */
export async function loadProfile(
  projectDirectory: string,
  wanted: string,
  architecture: ArchitectureName = DEFAULT_ARCHITECTURE,
): Promise<Profile> {
  const isNamed = !isAbsolute(wanted);
  const file = isNamed ? join(projectDirectory, 'profiles', `${wanted}.ts`) : wanted;
  if (!existsSync(file)) {
    throw new BuildError({
      what: isNamed ? `there is no profile ${JSON.stringify(wanted)}` : 'there is no such profile',
      where: file,
      fix: isNamed
        ? `Profiles here: ${listProfileNames(projectDirectory).join(', ')}. One from elsewhere is named by its path: ./${wanted}.ts`
        : 'Name a file that exports a profile by default.',
    });
  }
  const module: { default?: unknown } = await import(pathToFileURL(file).href).catch(
    (cause: unknown) => {
      throw new BuildError({
        what: `profile cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
        where: findErrorLine(cause, file) ?? file,
        cause,
      });
    },
  );
  const profile = checkProfile(module.default, file);
  if (!isNamed || profile.name === wanted) return selectProfile(profile, architecture, file);
  throw new BuildError({
    what: `key name is ${JSON.stringify(profile.name)} but the file says ${JSON.stringify(wanted)}`,
    where: file,
    fix: 'Give both the same name.',
  });
}

/**
 * Requires that the profiles of one command do not write the same files. Profiles that are given by name never do,
 * because each has the name of its file.
 * @param wanted names or paths, as for `loadProfile`
 * @param fileOf returns the path of the file that is written for a profile, or the part of the path that differs
 * @throws BuildError naming two profiles that write the same file, and as `loadProfile` does
 */
export async function requireDistinct(
  projectDirectory: string,
  wanted: readonly string[],
  architecture: ArchitectureName,
  fileOf: (profile: Profile) => string,
): Promise<void> {
  if (wanted.length < 2 || !wanted.some((one) => isAbsolute(one))) return;
  const first = new Map<string, string>();
  for (const one of wanted) {
    const profile = await loadProfile(projectDirectory, one, architecture);
    const other = first.get(fileOf(profile));
    if (other === undefined) first.set(fileOf(profile), profile.file);
    else {
      throw new BuildError({
        what: `both profiles are named ${JSON.stringify(profile.name)}, so what is made of one would replace what is made of the other`,
        where: `${other} and ${profile.file}`,
        fix: 'Give each a name of its own (key name).',
      });
    }
  }
}

/** Whether a profile is in the project's `profiles/` folder. */
export function isOfProject({ file }: Pick<Profile, 'file'>, projectDirectory: string): boolean {
  return dirname(file) === join(projectDirectory, 'profiles');
}

/** Returns the line of an error, `FILE:3`, if it is in the profile or in a file beside it that it imports. */
function findErrorLine(error: unknown, profile: string): string | undefined {
  const folder = dirname(profile);
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const [, ...rest] = stack.replaceAll(pathToFileURL(folder).href, folder).split(`${folder}/`);
  const lines = rest.flatMap((text) => /^[\w./-]+\.ts:\d+/.exec(text) ?? []);
  return lines[0] && join(folder, lines[0]);
}

/**
 * Checks a profile as its author wrote it, including rules that involve several keys.
 * @throws BuildError naming every wrong key
 */
export function checkProfile(written: unknown, where: string): CheckedProfile {
  const checked = profileSchema.safeParse(written);
  if (!checked.success) throw wrongKeys(checked.error.issues.map(describeIssue), where);
  const contradictions = findContradictions(checked.data);
  if (contradictions.length > 0) throw wrongKeys(contradictions, where);
  return checked.data;
}

function wrongKeys(problems: string[], where: string): BuildError {
  return new BuildError({
    what: `profile is wrong: ${problems.join('; ')}`,
    where,
    fix: 'The keys and their meaning are in build/profile/schema.ts.',
  });
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const key = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const prefix = key === '' ? '' : `${key}.`;
    return issue.keys.map((unknown) => `${prefix}${unknown} is not a key`).join('; ');
  }
  if (issue.code === 'invalid_key') {
    return `${key}: the key ${issue.issues.map((inner) => inner.message).join(', ')}`;
  }
  return `${key === '' ? 'the default export' : key}: ${issue.message}`;
}

/** Names of folders of every root filesystem and medium; an appliance's namespace must not be one of them. */
const TAKEN =
  /^(?:bin|boot|data|dev|efi|etc|home|lib\d*|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)$/;

function findContradictions(profile: CheckedProfile): string[] {
  const { groups, users } = profile.accounts;
  const problems: string[] = [];
  const { namespace, programPrefix } = ownNames(profile);
  if (TAKEN.test(namespace)) problems.push(`namespace: /${namespace} is a folder of every system`);
  for (const name of profile.programs) {
    if (name.startsWith(`${programPrefix}-`)) continue;
    problems.push(`programs: ${name} does not begin with ${programPrefix}-, the programPrefix`);
  }
  for (const [name, user] of Object.entries(users)) {
    for (const group of [user.group, ...user.member]) {
      if (!Object.hasOwn(groups, group))
        problems.push(`accounts.users.${name}: there is no group ${group}`);
    }
  }
  problems.push(...sameIds('accounts.groups', Object.entries(groups)));
  const uids = Object.entries(users).map(([name, user]): [string, number] => [name, user.uid]);
  problems.push(...sameIds('accounts.users', uids));
  for (const [path, entry] of Object.entries(profile.paths)) {
    if (entry.type === 'symlink') continue;
    const { user, group } = entry;
    if (!Object.hasOwn(users, user)) problems.push(`paths.${path}: there is no user ${user}`);
    if (group !== undefined && !Object.hasOwn(groups, group))
      problems.push(`paths.${path}: there is no group ${group}`);
  }
  for (const [base, settings] of Object.entries(profile.bases)) {
    if (settings === undefined) continue;
    const ofFlavours = Object.values(settings.flavours).flatMap((one) => one?.packages ?? []);
    const everywhere = { ...settings, packages: [...settings.packages, ...ofFlavours] };
    problems.push(...contradictions(`bases.${base}`, everywhere));
    for (const [architecture, own] of Object.entries(settings.architectures)) {
      const all = {
        packages: [...settings.packages, ...own.packages, ...ofFlavours],
        without: { ...settings.without, ...own.without },
      };
      problems.push(...contradictions(`bases.${base}.architectures.${architecture}`, all));
    }
  }
  return problems;
}

function contradictions(
  where: string,
  { packages, without }: { packages: string[]; without: Record<string, string> },
): string[] {
  return packages
    .filter((name) => Object.hasOwn(without, name))
    .map((name) => `${where}.without.${name}: is also among the packages`);
}

function sameIds(key: string, entries: [string, number][]): string[] {
  const owner = new Map<number, string>();
  return entries.flatMap(([name, id]) => {
    const first = owner.get(id);
    owner.set(id, first ?? name);
    return first === undefined ? [] : [`${key}.${name}: id ${id} is already ${first}'s`];
  });
}
