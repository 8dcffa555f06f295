import { BuildError } from '../../../error.ts';
import { closeSpellings } from '../../../spelling.ts';
import { explainChoice } from './failure.ts';
import { parseStanzas, requireField, type Stanza } from './stanza.ts';
import type { AptState } from './state.ts';

/** Names of packages, and the profile's key that lists them. */
export interface Wanted {
  names: readonly string[];
  where: string;
}

/** A package that apt chose. */
export interface Chosen {
  stanza: Stanza;
  /** Address that apt downloads it from. */
  uri: string;
}

/**
 * Lets apt choose the named packages and their dependencies, for a system on which only the packages declared with
 * `pretendInstalled` are installed.
 * @param wanted lists of names, each resolved independently of the others
 * @returns for each list, its packages in apt's order
 * @throws BuildError naming the packages that cannot be installed together
 */
export async function choosePackages(
  apt: AptState,
  wanted: readonly Wanted[],
): Promise<Chosen[][]> {
  const choices = await Promise.all(wanted.map((one) => chooseArchives(apt, one)));
  const names = new Set(
    choices.flatMap((archives) => [...archives.values()].map(({ name }) => name)),
  );
  const stanzas = parseStanzas(await apt.cache(['show', ...names]), 'apt-cache show');
  const described = new Map(
    stanzas.map((one) => [
      `${requireField(one, 'package')} ${fileNameOf(requireField(one, 'filename'))}`,
      one,
    ]),
  );
  return choices.map((archives) =>
    [...archives].map(([file, { name, uri }]) => {
      const stanza = described.get(`${name} ${file}`);
      if (stanza !== undefined) return { stanza, uri };
      throw new BuildError({ what: `apt chose ${name} (${file}) but does not describe it` });
    }),
  );
}

async function chooseArchives(
  apt: AptState,
  { names, where }: Wanted,
): Promise<Map<string, Archive>> {
  try {
    return parseUris(await apt.printUris(names));
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    throw explainChoice(error, where);
  }
}

/**
 * Refuses names that no package has.
 * @throws BuildError naming them, the profile's key that lists the first one, and similar names
 */
export async function assertKnown(apt: AptState, wanted: readonly Wanted[]): Promise<void> {
  const known = new Set((await apt.cache(['pkgnames'])).split('\n'));
  for (const { names, where } of wanted) {
    const unknown = names.filter((name) => !known.has(name));
    const [first] = unknown;
    if (first === undefined) continue;
    const close = closeSpellings(first, known);
    throw new BuildError({
      what: `no package is called ${unknown.join(', ')}`,
      where,
      fix: close.length === 0 ? 'Check the spelling.' : `Did you mean ${close.join(', ')}?`,
    });
  }
}

/** An archive that apt wants to download: its package and its address. */
export interface Archive {
  name: string;
  uri: string;
}

/**
 * Parses the lines `'URI' NAME_VERSION_ARCHITECTURE.deb SIZE HASH` of `apt-get --print-uris`. Other lines are messages
 * of apt.
 * @returns file name in the pool → archive
 * @throws BuildError if a line that begins with `'` is malformed: otherwise its package would be missing
 */
export function parseUris(text: string): Map<string, Archive> {
  const archives = new Map<string, Archive>();
  for (const line of text.split('\n').filter((one) => one.startsWith("'"))) {
    const match = /^'([^']+)' ([^\s_]+)_\S+ \d+ ?\S*$/.exec(line);
    if (match === null) {
      throw new BuildError({
        what: `apt-get --print-uris: not an archive: ${JSON.stringify(line)}`,
      });
    }
    const [, uri = '', name = ''] = match;
    archives.set(fileNameOf(decodeAddress(uri)), { name, uri });
  }
  return archives;
}

/** Percent-decodes an address; returns it unchanged if it is not valid UTF-8. */
export function decodeAddress(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}

/**
 * Returns stanzas for dpkg's status file that make apt treat packages as installed although they are not. Their version
 * is slightly newer than the archive's, so that apt does not replace them; they provide the archive's version and the
 * names that the package provides.
 */
export async function formatPretendedStatus(
  apt: AptState,
  names: readonly string[],
): Promise<string> {
  if (names.length === 0) return '';
  const shown = await apt.cache(['show', '--no-all-versions', ...names]);
  return parseStanzas(shown, 'apt-cache show').map(statusStanza).join('\n');
}

function statusStanza(stanza: Stanza): string {
  const name = requireField(stanza, 'package');
  const version = requireField(stanza, 'version');
  const multiArch = stanza.get('multi-arch');
  const provides = [`${name} (= ${version})`, stanza.get('provides') ?? ''];
  return [
    `Package: ${name}`,
    'Status: install ok installed',
    `Version: ${version}+without`,
    `Architecture: ${requireField(stanza, 'architecture')}`,
    `Provides: ${provides.filter((one) => one !== '').join(', ')}`,
    ...(multiArch === undefined ? [] : [`Multi-Arch: ${multiArch}`]),
    'Maintainer: nobody',
    'Description: left out by the profile',
    '',
  ].join('\n');
}

function fileNameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
