/**
 * Characters that a terminal obeys, that change the order of others, or that XML cannot hold: controls, Unicode's marks of
 * lines and direction, halves of surrogate pairs, U+FFFE and U+FFFF (Extensible Markup Language 1.0, 2.2).
 */
const CONTROLS =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu;

/** A name from outside as it may be printed or drawn: `a\u{1b}[2J` for one that would clear the screen. */
export function printable(text: string): string {
  return text.replace(CONTROLS, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
}

/** A name as `printable` gives it, of at most so many characters, in which `…` stands for what was cut out of its middle. */
export function shortened(text: string, most: number): string {
  const whole = printable(text);
  const characters = [...whole];
  if (characters.length <= most) return whole;
  const head = Math.ceil((most - 1) / 2);
  const tail = characters.slice(characters.length - (most - 1 - head));
  return `${characters.slice(0, head).join('')}…${tail.join('')}`;
}
