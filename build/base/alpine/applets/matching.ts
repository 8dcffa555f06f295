import { matchesGlob } from 'node:path';
import { closeSpellings } from '../../../spelling.ts';
import type { Database } from '../database/database.ts';
import type { Name } from '../database/model.ts';
import { AppletError } from './words.ts';

const WILDCARD = /[*?[]/;

/**
 * Resolves the arguments of a command to names; one with `*`, `?` or `[…]` is a pattern.
 * @throws AppletError listing the arguments that match no name
 */
export function matchingNames(database: Database, words: readonly string[]): Name[] {
  const missing: string[] = [];
  const names = words.flatMap((word) => {
    let found = namesMatching(database, word);
    if (found.length === 0) {
      database.readDependencies();
      found = namesMatching(database, word);
    }
    if (found.length === 0) missing.push(word);
    return found;
  });
  const first = missing[0];
  if (first === undefined) return [...new Set(names)];
  const known = [...database.names()].filter(({ providers }) => providers.length > 0);
  const close = closeSpellings(
    first,
    known.map(({ name }) => name),
  );
  throw new AppletError('other', {
    what: `no package is called ${missing.join(', ')}`,
    fix: close.length > 0 ? `Did you mean ${close.join(' or ')}?` : undefined,
  });
}

function namesMatching(database: Database, word: string): Name[] {
  if (WILDCARD.test(word)) {
    return [...database.names()].filter(({ name }) => matchesGlob(name, word));
  }
  return [database.lookup(word)].filter((name) => name !== undefined);
}
