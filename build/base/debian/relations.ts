import pLimit from 'p-limit';
import type { PackageArchive, PackageRelations } from '../../contract/base.ts';
import { run } from '../../process/run.ts';
import { parseStanzas, type Stanza } from './apt/stanza.ts';

/** Maximum number of archives that are read at the same time. */
const READ_AT_ONCE = 4;

const FIELDS = ['Installed-Size', 'Pre-Depends', 'Depends', 'Provides'];

/**
 * Reads the relations of packages from the control files in their archives (deb-control(5)).
 * @returns package name → relations; packages without an archive are left out
 * @throws BuildError if dpkg-deb is missing, or an archive is damaged
 */
export async function readDebianRelations(
  packages: readonly (Pick<PackageArchive, 'locked'> & Partial<Pick<PackageArchive, 'file'>>)[],
  signal?: AbortSignal,
): Promise<Map<string, PackageRelations>> {
  const limit = pLimit(READ_AT_ONCE);
  const there = packages.flatMap(({ locked, file }) =>
    file === undefined ? [] : { locked, file },
  );
  const read = there.map(({ locked, file }) =>
    limit(async () => {
      const text = await run('dpkg-deb', ['--field', file, ...FIELDS], { signal });
      const [stanza = new Map()] = parseStanzas(text, `package ${locked.name} ${locked.version}`);
      return [locked.name, parseRelations(stanza)] as const;
    }),
  );
  return new Map(await Promise.all(read));
}

/**
 * Reads relations from a control file (Debian Policy 7.1): only names, without versions, architectures and profiles.
 */
export function parseRelations(stanza: Stanza): PackageRelations {
  const kibibytes = Number(stanza.get('installed-size') ?? Number.NaN);
  const needs = ['pre-depends', 'depends'].flatMap((field) => listOf(stanza.get(field)));
  return {
    installedSize: Number.isInteger(kibibytes) ? kibibytes * 1024 : undefined,
    needs: needs.map((one) => one.split('|').map(nameOf)),
    provides: listOf(stanza.get('provides')).map(nameOf),
    comesWith: [],
  };
}

function listOf(text = ''): string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

/** Returns the package name in `libc6 (>= 2.36)` or `python3:any`: `libc6`, `python3`. */
function nameOf(text: string): string {
  return text.trim().replace(/[\s:([<].*$/s, '');
}
