import { closeSpellings } from '../../../spelling.ts';
import type { Database } from '../database/database.ts';
import type { Name } from '../database/model.ts';
import { AppletError } from './words.ts';

/**
 * Resolves the arguments of a command to names. An argument with `*` is a pattern as in fnmatch(3), including `?` and
 * `[…]`, and may match nothing.
 * @throws AppletError listing the arguments that are unknown names
 */
export function matchNames(database: Database, words: readonly string[]): Name[] {
  const missing: string[] = [];
  const names = words.flatMap((word) => {
    if (word.includes('*')) {
      const pattern = patternOf(word);
      return [...database.names()].filter(({ name }) => pattern.test(name));
    }
    if (database.lookup(word) === undefined) database.readDependencies();
    const found = database.lookup(word);
    if (found === undefined) missing.push(word);
    return found === undefined ? [] : [found];
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

/** Parts of a pattern, longest first: a set of characters, an escaped character, `*` or `?`, any other character. */
const SIGN = /\[([!^]?)(\][^\]]*|[^\]]+)\]|\\(.)|(\*+|\?)|(.)/gsu;

/** Converts a pattern of fnmatch(3) to a regular expression that ignores case. */
function patternOf(glob: string): RegExp {
  const source = glob.replace(
    SIGN,
    (_, no?: string, set?: string, escaped?: string, wildcard?: string, plain?: string) => {
      if (set !== undefined) return `[${no === '' ? '' : '^'}${set.replace(/[\\\]^[]/g, '\\$&')}]`;
      if (wildcard !== undefined) return wildcard === '?' ? '[^]' : '[^]*';
      return RegExp.escape(escaped ?? plain ?? '');
    },
  );
  try {
    return new RegExp(`^${source}$`, 'iu');
  } catch (error) {
    // A set such as [z-a], which matches no character.
    if (error instanceof SyntaxError) return NOTHING;
    throw error;
  }
}

const NOTHING = /(?!)/u;
