const INVISIBLE = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/** Replaces each run of characters that could control a terminal by `?`. */
export function makePrintable(text: string): string {
  return text.replaceAll(INVISIBLE, '?');
}
