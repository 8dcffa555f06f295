const INVISIBLE = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/** Text in which each run of characters that could do something to a terminal is a `?`. */
export function printable(text: string): string {
  return text.replaceAll(INVISIBLE, '?');
}
