import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../../../error.ts';
import { parseStanzas } from './stanza.ts';

/** One entry of sources.list(5): archives, with the suites and components to use from each. */
export interface SourceEntry {
  addresses: readonly string[];
  suites: readonly string[];
  components: readonly string[];
  /** Debian's names of architectures; all if empty. */
  architectures: readonly string[];
  /** Excluded architectures. */
  without: readonly string[];
  /** Keyring or key that must have signed the archives; the keyrings in `/etc/apt/trusted.gpg.d` if absent. */
  signedBy?: string | undefined;
}

/**
 * Reads the host's apt sources of binary packages, in apt's order.
 * @param directory the folder of the host's apt configuration
 * @param say receives a line about a file that cannot be parsed
 */
export function readHostSources(directory: string, say: (line: string) => void): SourceEntry[] {
  const parts = join(directory, 'sources.list.d');
  const files = [
    join(directory, 'sources.list'),
    ...(existsSync(parts) ? readdirSync(parts).sort() : []).map((name) => join(parts, name)),
  ].filter((file) => existsSync(file));
  return files.flatMap((file) => {
    try {
      if (file.endsWith('.list')) return parseOneLine(readFileSync(file, 'utf8'));
      return file.endsWith('.sources') ? parseDeb822(readFileSync(file, 'utf8'), file) : [];
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      say(`sources of the host are ignored: ${error.what} (${file})`);
      return [];
    }
  });
}

/** Parses a file in the one-line style; lines other than `deb URI SUITE COMPONENT…` are skipped. */
export function parseOneLine(text: string): SourceEntry[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line);
    if (match === null) return [];
    const [, options = '', address = '', suite = '', components = ''] = match;
    const option = new Map(
      words(options).map((one) => {
        const [, name = '', value = ''] = /^([^=]*?)\+?=(.*)$/.exec(one) ?? [];
        return [name.toLowerCase(), value];
      }),
    );
    const list = (name: string) => words((option.get(name) ?? '').replaceAll(',', ' '));
    return complete({
      addresses: [address],
      suites: [suite],
      components: words(components),
      architectures: list('arch'),
      without: list('arch-'),
      signedBy: option.get('signed-by'),
    });
  });
}

/**
 * Parses a file in the deb822 style; disabled stanzas, and stanzas without binary packages, are skipped.
 * @throws BuildError if the text is not in this style
 */
export function parseDeb822(text: string, where: string): SourceEntry[] {
  return parseStanzas(text, where).flatMap((stanza) => {
    const list = (name: string) => words(stanza.get(name) ?? '');
    if (!list('types').includes('deb') || list('enabled').some(saysNo)) return [];
    return complete({
      addresses: list('uris'),
      suites: list('suites'),
      components: list('components'),
      architectures: list('architectures'),
      without: list('architectures-remove'),
      signedBy: stanza.get('signed-by'),
    });
  });
}

/** Drops flat repositories, whose suite is a path and which have no components; Debian has none. */
function complete(entry: SourceEntry): SourceEntry[] {
  const { addresses, suites, components } = entry;
  return [addresses, suites, components].some((list) => list.length === 0) ? [] : [entry];
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/** Whether apt reads a word as "no"; apt.conf(5). */
function saysNo(word: string): boolean {
  return /^(?:no|false|without|off|disable|0)$/i.test(word);
}
