/**
 * Suggests known names close to a misspelt one, for the `fix` of an error.
 * @returns at most three, best first, each with no more than a third of its letters wrong
 */
export function closeSpellings(name: string, known: Iterable<string>): string[] {
  const most = Math.max(1, Math.floor(name.length / 3));
  const close: { word: string; distance: number }[] = [];
  for (const word of known) {
    if (Math.abs(word.length - name.length) > most) continue;
    const distance = editDistance(name, word);
    if (distance <= most) close.push({ word, distance });
  }
  close.sort((a, b) => a.distance - b.distance || (a.word < b.word ? -1 : 1));
  return close.slice(0, 3).map(({ word }) => word);
}

/** Number of letters to insert, delete or change to turn one word into another (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
