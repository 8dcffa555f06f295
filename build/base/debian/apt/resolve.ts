import { BuildError } from '../../../error.ts';
import { parseStanzas, required, type Stanza } from './stanza.ts';
import type { AptState } from './state.ts';

/** A package that apt chose. */
export interface Chosen {
  stanza: Stanza;
  /** Address that apt would download it from. */
  uri: string;
}

/** Characters of apt's explanation that are shown of a conflict. */
const EXPLANATION = 600;

/**
 * Lets apt choose the packages that some names need on an empty system.
 * @param where key of the profile that holds the names
 * @throws BuildError naming the package that is unknown, or apt's reason why they do not go together
 */
export async function choosePackages(
  apt: AptState,
  names: readonly string[],
  where: string,
): Promise<Chosen[]> {
  await assertKnown(apt, names, where);
  const archives = parseUris(await explained(apt, names, where));
  const wanted = new Set([...archives.values()].map(({ name }) => name));
  const stanzas = parseStanzas(await apt.cache(['show', ...wanted]), 'apt-cache show');
  const chosen = new Map<string, Chosen>();
  for (const stanza of stanzas) {
    const name = required(stanza, 'package');
    const archive = archives.get(fileNameOf(required(stanza, 'filename')));
    if (archive?.name === name) chosen.set(name, { stanza, uri: archive.uri });
  }
  const lost = [...wanted].filter((name) => !chosen.has(name));
  if (lost.length === 0) return [...chosen.values()];
  throw new BuildError({ what: `apt chose ${lost.join(', ')} but does not say what it is`, where });
}

async function assertKnown(apt: AptState, names: readonly string[], where: string): Promise<void> {
  const known = new Set((await apt.cache(['pkgnames'])).split('\n'));
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  const first = unknown[0] ?? '';
  const close = [...known].filter((name) => isClose(name, first)).slice(0, 5);
  throw new BuildError({
    what: `no package is called ${unknown.join(', ')}`,
    where,
    fix: close.length === 0 ? 'Check the spelling.' : `Close to it: ${close.join(', ')}.`,
  });
}

async function explained(apt: AptState, names: readonly string[], where: string): Promise<string> {
  try {
    return await apt.get(['--print-uris', 'install', ...names]);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    const words = error.what.replace(/\s+/g, ' ').slice(0, EXPLANATION);
    throw new BuildError({
      what: `the packages do not go together: ${words}`,
      where,
      fix: 'Leave one of them out, or look at `without` in the profile.',
      cause: error,
    });
  }
}

/** An archive that apt would download: its package, and its address. */
export interface Archive {
  name: string;
  uri: string;
}

/**
 * File name in the pool → archive, from the lines `'URI' NAME_VERSION_ARCHITECTURE.deb SIZE HASH` of
 * `apt-get --print-uris`. Other lines are its remarks.
 * @throws BuildError if a line begins like these and is none: the package would be missing
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
    archives.set(fileNameOf(decoded(uri)), { name, uri });
  }
  return archives;
}

/** An address without its percent signs; as it is if they are no UTF-8, then no package has such a name. */
function decoded(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}

/**
 * Stanzas for dpkg's status file that make apt take packages as installed although they are not. Their version is
 * a little newer than the archive's, so that apt does not want to replace them; the archive's own version and the
 * names it provides are provided.
 * @throws BuildError if one of the names is unknown
 */
export async function pretendedStatus(
  apt: AptState,
  names: readonly string[],
  where: string,
): Promise<string> {
  if (names.length === 0) return '';
  await assertKnown(apt, names, where);
  const shown = await apt.cache(['show', '--no-all-versions', ...names]);
  return parseStanzas(shown, 'apt-cache show').map(statusStanza).join('\n');
}

function statusStanza(stanza: Stanza): string {
  const name = required(stanza, 'package');
  const version = required(stanza, 'version');
  const multiArch = stanza.get('multi-arch');
  const provides = [`${name} (= ${version})`, stanza.get('provides') ?? ''];
  return [
    `Package: ${name}`,
    'Status: install ok installed',
    `Version: ${version}+without`,
    `Architecture: ${required(stanza, 'architecture')}`,
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

function isClose(name: string, wrong: string): boolean {
  return (
    name.startsWith(wrong.slice(0, Math.max(4, wrong.length - 2))) && name.length < wrong.length + 6
  );
}
