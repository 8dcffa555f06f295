import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const PROJECT = resolve(import.meta.dirname, '../..');

/** The section of the README with the table. */
const [before = '', section = ''] = readFileSync(join(PROJECT, 'README.md'), 'utf8').split(
  '## What it does, and what proves it\n',
);

/** The rows of the table: cells without their blanks. */
const rows = (section.split('\n## ')[0] ?? '')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split('|').slice(1, -1))
  .map((cells) => cells.map((cell) => cell.trim()))
  .slice(2);

/** The addresses of links at the end of the README: label → path and title. */
const links = new Map(
  [...section.matchAll(/^\[([^\]]+)\]: (\S+) "(.+)"$/gm)].map(
    ([, label = '', path = '', name = '']) => [label, { path, name }],
  ),
);

/** Returns path and name of each test in a cell, which are the address and the title of a link. */
function testsIn(cell: string): { path: string; name: string }[] {
  expect(cell).toMatch(/^\[[^\]]+\]( and \[[^\]]+\])*$/);
  return [...cell.matchAll(/\[([^\]]+)\]/g)].map(([, label = '']) => {
    const link = links.get(label);
    if (link === undefined) throw new Error(`the README has no address for [${label}]`);
    return link;
  });
}

/** Whether a file has a test of this name: only such a name is the first argument of a call. */
function hasTest(file: string, name: string): boolean {
  const quoted = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`\\(\\s*(['"\`])${quoted}\\1,`).test(readFileSync(file, 'utf8'));
}

test('the table of features begins on the second screen of the README', () => {
  const line = before.split('\n').length;
  expect(line).toBeGreaterThan(40);
  expect(line).toBeLessThan(80);
});

test('each row of the table that says yes links to tests by their names, and they run in each `make test`', () => {
  expect(rows.length).toBeGreaterThan(15);
  for (const [what, ours = '', ...others] of rows) {
    expect(ours, what).toMatch(/^[●○]$/);
    const proof = others.at(-1) ?? '';
    if (ours === '○') expect(proof, what).toBe('');
    for (const { path, name } of ours === '●' ? testsIn(proof) : []) {
      expect(hasTest(join(PROJECT, path), name), `${path}: ${name}`).toBe(true);
      expect(name).not.toContain('QUANTIX_LONG');
    }
  }
});

test('each cell about other tools begins with an explained sign', () => {
  for (const [what, , ...others] of rows) {
    for (const cell of others.slice(0, 3)) expect(cell, what).toMatch(/^[●◐○–?]( \S.*)?$/);
  }
});
