import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One suite of one archive: what a line `deb URI SUITE COMPONENT…` of sources.list(5) says. */
export interface Source {
  /** Address of the archive, without a slash at the end. */
  address: string;
  /** `bookworm`, `bookworm-updates`, `bookworm-security`. */
  suite: string;
}

/** Where Debian itself serves its archives. */
const DEBIAN = 'http://deb.debian.org/debian';

/** The suites of a release: itself, its updates between point releases, and its security fixes. */
function suitesOf(release: string): string[] {
  return [release, `${release}-updates`, `${release}-security`];
}

/**
 * The sources to resolve a release from.
 * @param release `bookworm`
 * @param mirror address of a mirror of the main archive; its security archive is taken to lie beside it, at the
 *   same address with `-security` behind it, as Debian's own does
 * @param host the host's own sources; they are used where they have a suite
 * @returns a source for each suite
 */
export function chooseSources(
  release: string,
  mirror: string | undefined,
  host: readonly Source[],
): Source[] {
  return suitesOf(release).map((suite) => {
    const own = mirror === undefined ? host.find((source) => source.suite === suite) : undefined;
    return own ?? { suite, address: archiveOf(suite, mirror ?? DEBIAN) };
  });
}

function archiveOf(suite: string, main: string): string {
  const address = main.replace(/\/+$/, '');
  return suite.endsWith('-security') ? `${address}-security` : address;
}

/** The sources that the host's apt uses, in the order in which apt reads them. */
export function hostSources(directory = '/etc/apt'): Source[] {
  const parts = join(directory, 'sources.list.d');
  const files = [
    join(directory, 'sources.list'),
    ...(existsSync(parts) ? readdirSync(parts).sort() : []).map((name) => join(parts, name)),
  ];
  return files
    .filter((file) => existsSync(file))
    .flatMap((file) => {
      if (file.endsWith('.sources')) return parseDeb822(readFileSync(file, 'utf8'));
      return file.endsWith('.list') ? parseOneLine(readFileSync(file, 'utf8')) : [];
    });
}

/** Sources of a file in the one-line style of sources.list(5); what is not a plain `deb` line over http is passed over. */
export function parseOneLine(text: string): Source[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+\S/.exec(line);
    return match === null ? [] : usable(match[1] ?? '', match[2] ?? '');
  });
}

/** Sources of a file in the deb822 style of sources.list(5); disabled stanzas and other types are passed over. */
export function parseDeb822(text: string): Source[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string): string[] => {
      const lines = stanza.split('\n').filter((line) => !line.startsWith('#'));
      const match = new RegExp(`^${name}:(.*(?:\\n[ \\t].*)*)`, 'im').exec(lines.join('\n'));
      return (match?.[1] ?? '').split(/\s+/).filter((word) => word !== '');
    };
    if (!field('Types').includes('deb') || field('Enabled').some(saysNo)) return [];
    return field('URIs').flatMap((address) =>
      field('Suites').flatMap((suite) => usable(address, suite)),
    );
  });
}

/** Words that apt takes for no; apt.conf(5). */
function saysNo(word: string): boolean {
  return /^(?:no|false|without|off|disable|0)$/i.test(word);
}

function usable(address: string, suite: string): Source[] {
  return /^(?:https?|file):\/\/\S+$/.test(address)
    ? [{ address: address.replace(/\/+$/, ''), suite }]
    : [];
}
