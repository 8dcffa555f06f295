import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { withScreens } from '../../../screens/document.ts';
import { DOCUMENT, goldenFile, SIZES } from '../../../screens/files.ts';
import { render } from '../../../screens/render.ts';
import { SCENES } from '../../../screens/scenes.ts';

describe.each(SIZES)('in $columns columns and $rows rows', (size) => {
  test.each(SCENES)('the screen $name matches its stored picture (make screens)', async (scene) => {
    expect(await render(scene, size)).toBe(await readFile(goldenFile(scene.name, size), 'utf8'));
  });
});

test('the pictures in the document match the screens (make screens)', async () => {
  const [size = { columns: 80, rows: 24 }] = SIZES;
  const pictures = await Promise.all(
    SCENES.map(async ({ name }) => {
      return [name, await readFile(goldenFile(name, size), 'utf8')] as const;
    }),
  );
  const markdown = await readFile(DOCUMENT, 'utf8');
  expect(withScreens(markdown, new Map(pictures))).toBe(markdown);
});

test('a document that lacks the mark of a screen, or has an unknown one, is refused', () => {
  const marked = '<!-- screen: a -->\n```\nold\n```\n';
  expect(withScreens(marked, new Map([['a', 'new\n']]))).toBe(marked.replace('old', 'new'));
  expect(() => withScreens(marked, new Map())).toThrow('there is no screen a');
  expect(() => withScreens('', new Map([['b', '']]))).toThrow('no mark for b');
});
