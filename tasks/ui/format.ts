import { makePrintable } from '../../build/drawing/printable.ts';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Formats a number of bytes: `36.2 MB` (powers of 1000). */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Formats seconds: `0.42 s`, `12.3 s`, `3 min 20 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds >= 100) {
    const whole = Math.round(seconds);
    return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  return `${seconds.toFixed(seconds >= 10 ? 1 : 2)} s`;
}

/**
 * Formats progress: `42 %, 120 MB of 290 MB, 61 MB/s, 3 s left`.
 * @param rate bytes per second; 0 if unknown
 */
export function formatProgress(done: number, total: number, rate: number): string {
  const share = total === 0 ? 100 : Math.floor((100 * done) / total);
  const left =
    rate > 0 ? `, ${formatBytes(rate)}/s, ${formatSeconds((total - done) / rate)} left` : '';
  return `${share} %, ${formatBytes(done)} of ${formatBytes(total)}${left}`;
}

/** Formats rows as aligned columns; the first row is the heading. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, index) => Math.max(most[index] ?? 0, cell.length)),
    [],
  );
  return rows
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Formats rows as a Markdown table, escaping markup in cells; the first row is the heading. */
export function formatMarkdownTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...rest] = rows.map((row) => `| ${row.map(escapeMarkdown).join(' | ')} |`);
  const rule = `|${' --- |'.repeat(rows[0]?.length ?? 0)}`;
  return [head, rule, ...rest].join('\n');
}

/** Escapes text for Markdown: characters that could be markup become character references (CommonMark 0.31, 2.5). */
export function escapeMarkdown(text: string): string {
  const reference = (one: string) => `&#${one.codePointAt(0)};`;
  return makePrintable(text).replace(/[^\p{L}\p{N} ,./%+→-]/gu, reference);
}

/** Formats a number of things: `1 file`, `2 files`. */
export function formatCount(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
