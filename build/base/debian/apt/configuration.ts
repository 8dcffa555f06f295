/** apt.conf settings: name → value, or values of a list. */
export type Settings = Iterable<readonly [name: string, value: string | readonly string[]]>;

/** The text of an apt.conf(5) with these settings; a list replaces what apt has in it. */
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
 * A value as one word for apt's parser, which reads `%XX` in words without quotation marks, has no escapes in those
 * with them, and takes `//` for a comment.
 */
function quote(value: string): string {
  const bytes = (text: string) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`);
  return value.replace(/[^A-Za-z0-9._/-]+|\/(?=\/)/g, (text) => bytes(text).join(''));
}
