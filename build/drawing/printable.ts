/**
 * Characters that control a terminal, change the order of other characters, or are not allowed in XML: controls,
 * Unicode's marks of lines and direction, halves of surrogate pairs, U+FFFE and U+FFFF (Extensible Markup Language 1.0,
 * 2.2).
 */
const CONTROLS =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu;

/** Escapes an external name for printing or drawing: `a\u{1b}[2J` for one that would clear the screen. */
export function makePrintable(text: string): string {
  return text.replace(CONTROLS, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
}

/** Returns a name as `makePrintable` does, limited to a number of characters; `…` replaces the middle of a longer one. */
export function shorten(text: string, most: number): string {
  const whole = makePrintable(text);
  const characters = [...whole];
  if (characters.length <= most) return whole;
  const head = Math.ceil((most - 1) / 2);
  const tail = characters.slice(characters.length - (most - 1 - head));
  return `${characters.slice(0, head).join('')}…${tail.join('')}`;
}
