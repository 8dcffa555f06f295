import { formatDependency, parseAtom, splitList } from '../dependency/dependency.ts';
import { formatFiles } from './files.ts';
import { compareNames, formatIdentity, type InstalledPackage, sortPackages } from './package.ts';

/** Fields that are always written, and fields that are written only if the index has them, in apk's order. */
const ALWAYS = ['S', 'I', 'T', 'U', 'L'] as const;
const IF_PRESENT = ['o', 'm', 't', 'c', 'k'] as const;
const DEPENDENCIES = ['D', 'p', 'i'] as const;
const NUMBERS = new Set<string>(['S', 'I', 't', 'k']);

/**
 * Formats `/lib/apk/db/installed`, byte for byte as apk 2.14.4 writes it.
 * @param packages in any order
 */
export function formatInstalled(packages: readonly InstalledPackage[]): string {
  return sortPackages(packages).map(formatPackage).join('');
}

function formatPackage({ fields, tag, broken, record }: InstalledPackage): string {
  const lines = [...headerLines(fields)];
  if (record.replaces.length > 0) lines.push(`r:${dependencyList(record.replaces.join(' '))}`);
  if (record.replacesPriority > 0) lines.push(`q:${record.replacesPriority}`);
  if (tag !== undefined) lines.push(`s:${tag}`);
  if (broken !== undefined && broken !== '') lines.push(`f:${broken}`);
  return `${lines.join('\n')}\n${formatFiles(record.directories)}\n`;
}

function* headerLines(fields: ReadonlyMap<string, string>): Generator<string> {
  yield `C:${formatIdentity({ fields })}`;
  for (const letter of ['P', 'V']) yield `${letter}:${fields.get(letter) ?? ''}`;
  const architecture = fields.get('A');
  if (architecture !== undefined) yield `A:${architecture}`;
  for (const letter of ALWAYS) yield `${letter}:${valueFor(fields, letter)}`;
  for (const letter of IF_PRESENT) {
    const value = valueFor(fields, letter);
    const isThere = NUMBERS.has(letter) ? value !== '0' : fields.has(letter);
    if (isThere) yield `${letter}:${value}`;
  }
  for (const letter of DEPENDENCIES) {
    const value = dependencyList(fields.get(letter) ?? '');
    if (value !== '') yield `${letter}:${value}`;
  }
}

/** Numeric fields are written as apk does: without leading zeroes, and 0 if missing. */
function valueFor(fields: ReadonlyMap<string, string>, letter: string): string {
  const value = fields.get(letter) ?? '';
  return NUMBERS.has(letter) ? (/^0*(\d+)/.exec(value)?.[1] ?? '0') : value;
}

/**
 * Formats a list of dependencies in apk's canonical form: separated by one blank, with normalised operators (`~=`
 * becomes `~`, `=>` becomes `>=`).
 */
function dependencyList(text: string): string {
  return splitList(text).map(dependencyText).join(' ');
}

/** Formats one dependency in apk's canonical form; any other text is returned unchanged. */
function dependencyText(word: string): string {
  const dependency = parseAtom(word, (name) => name);
  return dependency === undefined ? word : formatDependency(dependency);
}

/**
 * Formats `/lib/apk/db/triggers`: for each package with triggers, its identity and the directories they watch.
 * @param packages in any order
 */
export function formatTriggers(packages: readonly InstalledPackage[]): string {
  return sortPackages(packages)
    .filter(({ record }) => record.triggers.length > 0)
    .map(({ fields, record }) => `${formatIdentity({ fields })} ${record.triggers.join(' ')}\n`)
    .join('');
}

/**
 * Formats `/etc/apk/world`: one dependency per line, sorted by name. Of two dependencies on one name, the later one is
 * used.
 * @param wanted dependencies: `busybox`, `openssl>3`, `zlib@edge`, `!mdev`
 */
export function formatWorld(wanted: readonly string[]): string {
  const byName = new Map(wanted.map((word) => [nameIn(word), dependencyText(word)]));
  const names = [...byName.keys()].sort(compareNames);
  return `${names.map((name) => byName.get(name)).join('\n')}\n`;
}

function nameIn(word: string): string {
  return /^!?([^<>=~@]*)/.exec(word)?.[1] ?? word;
}
