/** apt.conf settings: name → value, or list of values. */
export type Settings = Iterable<readonly [name: string, value: string | readonly string[]]>;

/** Formats settings as an apt.conf(5); a list replaces apt's default list. */
export function formatConfiguration(settings: Settings): string {
  return [...settings]
    .map(([name, value]) =>
      typeof value === 'string'
        ? `${name} ${quote(value)};\n`
        : `#clear ${name};\n${value.map((one) => `${name}:: ${quote(one)};\n`).join('')}`,
    )
    .join('');
}

/**
 * Quotes a value as one word for apt's parser, which reads `%XX` in unquoted words, has no escapes in quoted ones, and
 * treats `//` as the start of a comment.
 */
function quote(value: string): string {
  const bytes = (text: string) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`);
  return value.replace(/[^A-Za-z0-9._/-]+|\/(?=\/)/g, (text) => bytes(text).join(''));
}
