import { createHash } from 'node:crypto';
import type { LicensedPart, LicenseText } from './license-texts.ts';

/** Line between the parts of a report. */
const RULE = `${'='.repeat(100)}\n`;

/**
 * Formats the licences of an image as text for people: the stated licence and the texts of each part, what is missing,
 * and then each text once. Only one text is in memory at a time. The same parts give the same bytes.
 * @param title first line
 */
export async function* formatLicenses(
  title: string,
  parts: readonly LicensedPart[],
): AsyncGenerator<string | Uint8Array> {
  const sorted = parts.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const numbers = new Map<string, number>();
  const texts: LicenseText[] = [];
  yield `${title}\n\n`;
  for (const part of sorted) {
    const own: number[] = [];
    for (const text of part.texts) {
      const hash = createHash('sha256')
        .update(await text.read())
        .digest('hex');
      const known = numbers.get(hash);
      const number = known ?? texts.push(text);
      numbers.set(hash, number);
      own.push(number);
    }
    const license = part.license ?? 'see the text';
    const shown = own.length === 0 ? 'no text' : `text ${[...new Set(own)].join(', ')}`;
    yield `${part.name} ${part.version}: ${own.length === 0 && part.license === undefined ? '' : `${license}, `}${shown}\n`;
  }
  const lacking = sorted.filter((part) => part.lacking.length > 0);
  yield `\n${RULE}Lacking\n\n`;
  if (lacking.length === 0) yield 'Nothing: each part has a text of its licence.\n';
  for (const { name, version, lacking: what } of lacking) {
    yield `${name} ${version} lacks ${what.join('; ')}\n`;
  }
  for (const [index, text] of texts.entries()) {
    yield `\n${RULE}Text ${index + 1}: ${text.from}\n\n`;
    const bytes = await text.read();
    yield bytes;
    if (bytes.at(-1) !== 0x0a) yield '\n';
  }
}

function keyOf({ name, version }: LicensedPart): string {
  return `${name} ${version}`;
}
