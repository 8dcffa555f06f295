import { BuildError } from '../../../error.ts';

/** A paragraph of a Debian control file: field name in lower case → value, continuation lines joined by spaces. */
export type Stanza = ReadonlyMap<string, string>;

/**
 * Parses Debian control data (deb-control(5), Debian Policy 5.1): the output of `apt-cache show`, indexes, and source
 * files (sources.list(5)). Lines that begin with `#` are comments.
 * @throws BuildError on a line that is neither a field nor a continuation
 */
export function parseStanzas(text: string, where: string): Stanza[] {
  const stanzas: Map<string, string>[] = [];
  let stanza: Map<string, string> | undefined;
  let field = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    if (line.trim() === '') {
      stanza = undefined;
      continue;
    }
    if (stanza === undefined) {
      stanza = new Map();
      stanzas.push(stanza);
      field = '';
    }
    if (/^[ \t]/.test(line) && field !== '') {
      stanza.set(field, `${stanza.get(field)} ${line.trim()}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon < 1 || /\s/.test(line.slice(0, colon))) {
      throw new BuildError({ what: `not a field: ${JSON.stringify(line.slice(0, 80))}`, where });
    }
    field = line.slice(0, colon).toLowerCase();
    stanza.set(field, line.slice(colon + 1).trim());
  }
  return stanzas;
}

/**
 * Returns a mandatory field of a stanza.
 * @throws BuildError if it is missing
 */
export function requireField(stanza: Stanza, field: string): string {
  const value = stanza.get(field);
  if (value !== undefined) return value;
  throw new BuildError({
    what: `package ${stanza.get('package') ?? '(without a name)'} has no field ${field}`,
    fix: 'The mirror’s index is damaged; try another one: MIRROR=…',
  });
}
