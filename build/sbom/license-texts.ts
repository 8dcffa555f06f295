import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, posix } from 'node:path';
import parseLicense from 'spdx-expression-parse';
import { z } from 'zod';
import type { OpenedPackage } from '../contract/base.ts';
import type { LockedPackage } from '../contract/lock.ts';
import type { ContentReader } from '../tree/content.ts';
import type { Entry, FileEntry } from '../tree/entry.ts';

/** A licence text, read on use. */
export interface LicenseText {
  /** Its path: `/usr/share/doc/bash/copyright`. */
  readonly from: string;
  read(): Promise<Uint8Array>;
}

/** A part of an image and its licence texts. */
export interface LicensedPart {
  readonly name: string;
  readonly version: string;
  /** Licence stated in the package index or in its manifest. */
  readonly license?: string | undefined;
  /** Its own licence texts, and texts that they refer to. */
  readonly texts: readonly LicenseText[];
  /** Licence texts that were not found, one line each. */
  readonly lacking: readonly string[];
}

/** Names of licence files in documentation folders. */
const LICENSE_FILE = /^(?:copyright|licen[cs]es?|copying|notice|unlicense)(?:[-._][\w.-]*)?$/i;

/** Extensions of files that are not plain text. */
const NO_TEXT = /\.(?:gz|xz|zst|bz2|html?|js|json|xml|py)$/i;

/** References of Debian's copyright files to common texts (Debian Policy 12.5). */
const COMMON = /\/usr\/share\/common-licenses\/[A-Za-z0-9.+-]*[A-Za-z0-9]/g;

/**
 * Collects the licences of packages: the texts in their documentation folders (`usr/share/doc/NAME`,
 * `usr/share/licenses`), and Debian's common texts that these refer to; if there are none, the standard texts of the
 * licences named in the index.
 * @param packages all opened packages of an image: the documentation of one package may be in another
 */
export function collectPackageLicenses(
  packages: readonly (OpenedPackage & { stated: LockedPackage })[],
  reader: ContentReader,
): LicensedPart[] {
  const paths = new Map<string, Entry>();
  for (const { entries } of packages) {
    for (const entry of entries) if (!paths.has(entry.path)) paths.set(entry.path, entry);
  }
  return packages.map(({ stated, entries }) => {
    const { name, version, license } = stated;
    const own = documentsOf(stated, entries, paths);
    const { found, missing } = commonTexts(own, paths, reader);
    const files = [...new Map([...own, ...found].map((file) => [file.path, file])).values()];
    if (files.length > 0) {
      const texts = files.map((file) => ({
        from: `/${file.path}`,
        read: async () => reader.bytes(file),
      }));
      return { name, version, license, texts, lacking: missing };
    }
    return { name, version, license, ...standardTexts(license) };
  });
}

/** Lists the licence files of a package, sorted. */
function documentsOf(
  { name }: LockedPackage,
  entries: readonly Entry[],
  paths: ReadonlyMap<string, Entry>,
): FileEntry[] {
  const copyright = follow(`usr/share/doc/${name}/copyright`, paths);
  const carried = entries
    .filter(({ path }) => isLicense(path))
    .flatMap(({ path }) => follow(path, paths) ?? []);
  const all = copyright === undefined ? carried : [copyright, ...carried];
  const files = [...new Map(all.map((file) => [file.path, file])).values()];
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function isLicense(path: string): boolean {
  if (NO_TEXT.test(path)) return false;
  if (/^usr\/share\/licenses\/./.test(path)) return true;
  return /^usr\/share\/doc\/[^/]+\//.test(path) && LICENSE_FILE.test(posix.basename(path));
}

/** Returns the file at a path, following links of files and folders. */
function follow(path: string, paths: ReadonlyMap<string, Entry>, depth = 0): FileEntry | undefined {
  // Links may form a cycle.
  if (depth > 8) return undefined;
  const entry = paths.get(path);
  if (entry?.type === 'file') return entry;
  if (entry?.type === 'hardlink') return follow(entry.target, paths, depth + 1);
  if (entry?.type === 'symlink') return follow(targetOf(path, entry.target), paths, depth + 1);
  if (entry !== undefined) return undefined;
  for (let folder = posix.dirname(path); folder !== '.'; folder = posix.dirname(folder)) {
    const link = paths.get(folder);
    if (link?.type !== 'symlink') continue;
    const rest = path.slice(folder.length + 1);
    return follow(posix.join(targetOf(folder, link.target), rest), paths, depth + 1);
  }
  return undefined;
}

/** Returns the target of a link as a tree path; never outside the tree. */
function targetOf(path: string, target: string): string {
  return posix.resolve('/', posix.dirname(path), target).slice(1);
}

/** Returns the common texts that files refer to. */
function commonTexts(
  files: readonly FileEntry[],
  paths: ReadonlyMap<string, Entry>,
  reader: ContentReader,
): { found: FileEntry[]; missing: string[] } {
  const names = new Set(files.flatMap((file) => reader.text(file).match(COMMON) ?? []));
  const found: FileEntry[] = [];
  const missing: string[] = [];
  for (const name of [...names].sort()) {
    const file = follow(name.slice(1), paths);
    if (file === undefined) missing.push(`${name}, to which its licence refers`);
    else found.push(file);
  }
  return { found, missing };
}

/** Returns the standard texts of the licences in an SPDX expression, for a part without its own texts. */
function standardTexts(license: string | undefined): Pick<LicensedPart, 'texts' | 'lacking'> {
  if (license === undefined)
    return { texts: [], lacking: ['any text, and the name of its licence'] };
  const { ids, exceptions } = namesIn(license);
  if (ids.length === 0) return { texts: [], lacking: [`any text: ${license}`] };
  const known = ids.map((id) => [id, standardFile(id)] as const);
  return {
    texts: known.flatMap(([id, file]) =>
      file === undefined
        ? []
        : [
            {
              from: `${id}, as SPDX has it: the package carries no text`,
              read: () => standardText(file),
            },
          ],
    ),
    lacking: [
      ...known.flatMap(([id, file]) => (file === undefined ? [`the text of ${id}`] : [])),
      ...exceptions.map((exception) => `the text of exception ${exception}`),
    ],
  };
}

/** Returns the ids of licences and exceptions in an SPDX expression, sorted; none if it is not an SPDX expression. */
function namesIn(license: string): { ids: string[]; exceptions: string[] } {
  const ids = new Set<string>();
  const exceptions = new Set<string>();
  const visit = (part: parseLicense.Info): void => {
    if ('conjunction' in part) {
      visit(part.left);
      visit(part.right);
      return;
    }
    ids.add(part.license);
    if (part.exception !== undefined) exceptions.add(part.exception);
  };
  try {
    visit(parseLicense(license));
  } catch {
    return { ids: [], exceptions: [] };
  }
  return { ids: [...ids].sort(), exceptions: [...exceptions].sort() };
}

const STANDARD = join(
  dirname(createRequire(import.meta.url).resolve('spdx-license-list/package.json')),
  'licenses',
);

function standardFile(id: string): string | undefined {
  const file = join(STANDARD, `${id}.json`);
  return existsSync(file) ? file : undefined;
}

const standardSchema = z.object({ licenseText: z.string() });

async function standardText(file: string): Promise<Uint8Array> {
  const { licenseText } = standardSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  return Buffer.from(licenseText);
}

/**
 * Collects the licences of an npm package: the licence files in its folder; if there are none, the standard texts of
 * the licences that it names.
 */
export async function collectNpmLicenses(
  part: Pick<LicensedPart, 'name' | 'version' | 'license'>,
  folder: string,
): Promise<LicensedPart> {
  const names = existsSync(folder) ? await readdir(folder) : [];
  const texts = names
    .filter((name) => LICENSE_FILE.test(name) && !NO_TEXT.test(name))
    .sort()
    .map((name) => ({
      from: `${part.name}/${name}, of the npm package`,
      read: () => readFile(join(folder, name)),
    }));
  if (texts.length > 0) return { ...part, texts, lacking: [] };
  return { ...part, ...standardTexts(part.license) };
}
