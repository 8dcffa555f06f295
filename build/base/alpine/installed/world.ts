import { dependencyText } from './dependency-text.ts';
import { compareNames } from './order.ts';

/**
 * The text of `/etc/apk/world`: what is wanted, a line each, sorted by name. Of two wishes for one name the later
 * one counts.
 * @param wanted names with what they may be further bound to: `busybox`, `openssl>3`, `zlib@edge`, `!mdev`
 */
export function formatWorld(wanted: readonly string[]): string {
  const byName = new Map(wanted.map((word) => [nameIn(word), dependencyText(word)]));
  const names = [...byName.keys()].sort(compareNames);
  return `${names.map((name) => byName.get(name)).join('\n')}\n`;
}

function nameIn(word: string): string {
  return /^!?([^<>=~@]*)/.exec(word)?.[1] ?? word;
}
