import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const PAGE = resolve(import.meta.dirname, '../../docs/features.md');

/** The rows of the page's table: cells without their blanks. */
const rows = readFileSync(PAGE, 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split('|').slice(1, -1))
  .map((cells) => cells.map((cell) => cell.trim()))
  .slice(2);

/** Whether a file has a test of this name: only such a name is the first argument of a call. */
function hasTest(file: string, name: string): boolean {
  const quoted = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`\\(\\s*(['"\`])${quoted}\\1,`).test(readFileSync(file, 'utf8'));
}

test('each row of docs/features.md that says yes has a test of the name that it links to', () => {
  expect(rows.length).toBeGreaterThan(15);
  for (const [what, ours = '', ...others] of rows) {
    const [, name = '', path = ''] = /^\[(.+)\]\((.+)\)$/.exec(others.at(-1) ?? '') ?? [];
    expect(ours, what).toMatch(/^[●○]$/);
    expect(path === '', what).toBe(ours === '○');
    if (path !== '')
      expect(hasTest(join(dirname(PAGE), path), name), `${path}: ${name}`).toBe(true);
  }
});

test('what is said of the others is one of the signs that the page explains', () => {
  for (const [what, , ...others] of rows) {
    for (const cell of others.slice(0, 3)) expect(cell, what).toMatch(/^[●◐○–?]( \S.*)?$/);
  }
});
