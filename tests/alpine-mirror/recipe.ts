import type { Entry } from '../../build/tree/entry.ts';

/** A package to be made. Only the name and the version are needed. */
export interface PackageRecipe {
  name: string;
  version: string;
  arch?: string;
  description?: string;
  url?: string;
  license?: string;
  origin?: string;
  maintainer?: string;
  /** Seconds since 1970. */
  builddate?: number;
  commit?: string;
  depends?: readonly string[];
  provides?: readonly string[];
  installIf?: readonly string[];
  providerPriority?: number;
  replaces?: readonly string[];
  replacesPriority?: number;
  triggers?: readonly string[];
  /** Name (`post-install`, `trigger`) → text. */
  scripts?: Readonly<Record<string, string>>;
  /** Directories before their contents; contents of files in memory, or slices of files on disk. */
  entries?: readonly Entry[];
  /** Installed size, bytes; that of the entries if absent. apk does not open a package of size 0. */
  size?: number;
}

/** `.PKGINFO` of a package whose data part has this hash. */
export function pkginfo(recipe: PackageRecipe, datahash: string | undefined): string {
  const lines = [
    '# Generated for a test',
    `pkgname = ${recipe.name}`,
    `pkgver = ${recipe.version}`,
    `pkgdesc = ${recipe.description ?? `Package ${recipe.name}`}`,
    `url = ${recipe.url ?? 'https://example.org/'}`,
    `builddate = ${recipe.builddate ?? 1_700_000_000}`,
    'packager = Test <test@example.org>',
    `size = ${installedSize(recipe)}`,
    `arch = ${recipe.arch ?? 'x86_64'}`,
    `origin = ${recipe.origin ?? recipe.name}`,
    ...(recipe.commit === undefined ? [] : [`commit = ${recipe.commit}`]),
    ...(recipe.maintainer === undefined ? [] : [`maintainer = ${recipe.maintainer}`]),
    `license = ${recipe.license ?? 'MIT'}`,
    ...(recipe.replaces ?? []).map((word) => `replaces = ${word}`),
    ...numberLine('replaces_priority', recipe.replacesPriority),
    ...numberLine('provider_priority', recipe.providerPriority),
    ...(recipe.depends ?? []).map((word) => `depend = ${word}`),
    ...(recipe.provides ?? []).map((word) => `provides = ${word}`),
    ...listLine('install_if', recipe.installIf),
    ...listLine('triggers', recipe.triggers),
    ...(datahash === undefined ? [] : [`datahash = ${datahash}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** The package's stanza in an index, with the blank line that ends it. */
export function indexStanza(recipe: PackageRecipe, identity: string, fileSize: number): string {
  const lines = [
    `C:${identity}`,
    `P:${recipe.name}`,
    `V:${recipe.version}`,
    `A:${recipe.arch ?? 'x86_64'}`,
    `S:${fileSize}`,
    `I:${installedSize(recipe)}`,
    `T:${recipe.description ?? `Package ${recipe.name}`}`,
    `U:${recipe.url ?? 'https://example.org/'}`,
    `L:${recipe.license ?? 'MIT'}`,
    `o:${recipe.origin ?? recipe.name}`,
    ...(recipe.maintainer === undefined ? [] : [`m:${recipe.maintainer}`]),
    `t:${recipe.builddate ?? 1_700_000_000}`,
    ...(recipe.commit === undefined ? [] : [`c:${recipe.commit}`]),
    ...(recipe.providerPriority === undefined ? [] : [`k:${recipe.providerPriority}`]),
    ...fieldLine('D', recipe.depends),
    ...fieldLine('p', recipe.provides),
    ...fieldLine('i', recipe.installIf),
  ];
  return `${lines.join('\n')}\n\n`;
}

/** Bytes that a package's files take, rounded up as abuild does, so that it is never 0. */
export function installedSize({ size, entries = [] }: PackageRecipe): number {
  if (size !== undefined) return size;
  return entries.reduce((sum, entry) => sum + (entry.type === 'file' ? entry.size : 0), 4096);
}

function numberLine(key: string, value: number | undefined): string[] {
  return value === undefined ? [] : [`${key} = ${value}`];
}

function listLine(key: string, words: readonly string[] | undefined): string[] {
  return words === undefined || words.length === 0 ? [] : [`${key} = ${words.join(' ')}`];
}

function fieldLine(letter: string, words: readonly string[] | undefined): string[] {
  return words === undefined || words.length === 0 ? [] : [`${letter}:${words.join(' ')}`];
}
