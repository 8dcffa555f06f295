/** Longest line in characters; the rest of it is left out. */
const LONGEST_LINE = 64 * 1024;

/** Splits text that comes in pieces into lines; a last line without a line feed counts too. */
export async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<string, void, void> {
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
    yield* lines.map((line) => line.slice(0, LONGEST_LINE));
  }
  if (rest !== '') yield rest;
}
