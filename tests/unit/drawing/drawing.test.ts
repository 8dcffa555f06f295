import { expect, test } from 'vitest';
import { drawBarChart } from '../../../build/drawing/bar-chart.ts';
import { drawIcicleChart, type IcicleNode } from '../../../build/drawing/icicle.ts';
import { makePrintable, shorten } from '../../../build/drawing/printable.ts';
import { TONES } from '../../../build/drawing/svg.ts';
import { drawTextChart } from '../../../build/drawing/text-chart.ts';
import { inDrawing } from './xml.ts';

/** Names that would break a drawing if they were not escaped. */
const HOSTILE = [
  '</text><script>alert(1)</script>',
  '"><a href="x">&amp;',
  "']]>--><?xml",
  '\u0000\u0001\u001b[2J\u007f\u0085',
  '\ud800 half \udc00 pairs \uffff',
  '\u202eright to left\u2028line',
  'long '.repeat(10_000),
  '😀'.repeat(500),
];

const bars = HOSTILE.map((name, at) => ({
  ...{ name, from: -at, to: at, note: name },
  tone: TONES[at % TONES.length] ?? 'first',
}));
const parts = HOSTILE.map((name) => ({
  name,
  note: name,
  hint: name,
  size: 10,
  tone: 'bad' as const,
  parts: [],
}));
const tree: IcicleNode = {
  name: 'all',
  note: '100 B',
  hint: 'all',
  size: 100,
  tone: 'first',
  parts,
};

test.each([
  ['a bar chart', () => drawBarChart(bars, HOSTILE.join())],
  ['an icicle', () => drawIcicleChart(tree, HOSTILE.join())],
])('in %s names of any characters are text', async (_what, draw) => {
  const svg = draw();
  expect(draw()).toBe(svg);
  expect(await inDrawing(svg, 'count(//*[local-name()="script" or local-name()="a"])')).toBe('0');
  const elements = await inDrawing(svg, 'count(//*[local-name()="rect"]/*[local-name()="title"])');
  expect(Number(elements)).toBeGreaterThanOrEqual(HOSTILE.length);
  const hints = 'count(//*[local-name()="rect"]/*[contains(., "</text><script>alert(1)")])';
  expect(await inDrawing(svg, hints)).toBe('1');
  // Only the tool tip shows the full name.
  const long = 'count(//*[local-name()="text"][string-length() > 160])';
  expect(await inDrawing(svg, long)).toBe('0');
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
});

test('parts narrower than a pixel are left out, and others lie within their parent', async () => {
  const small = Array.from({ length: 5000 }, (_, n) => ({
    ...tree,
    name: `${n}`,
    size: 1,
    parts: [],
  }));
  const large = { ...tree, name: 'large', size: 500_000, parts: [] };
  const svg = drawIcicleChart({ ...tree, size: 600_000, parts: [large, ...small] }, 'x');
  const places = [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"/g)];
  expect(places.map(([, , y]) => y)).toEqual(['32', '56']);
  const [[, x = '', , width = ''] = [], [, at = '', , wide = ''] = []] = places;
  expect(Number(at)).toBe(Number(x));
  expect(Number(wide) / Number(width)).toBeCloseTo(5 / 6, 2);
});

test('a part with too little room for name and note has only the name', () => {
  const part = (name: string, size: number) => ({ ...tree, name, note: '24.0 MB', size });
  const svg = drawIcicleChart({ ...tree, parts: [part('rootfs', 90), part('initramfs', 10)] }, 'x');
  expect(svg).toContain('>rootfs 24.0 MB</text>');
  expect(svg).toContain('>initramfs</text>');
});

test('without data an empty chart is drawn', async () => {
  expect(await inDrawing(drawBarChart([], 'none'), 'string(/*/*[1])')).toBe('none');
  const nothing = { ...tree, size: 0, parts: [] };
  expect(await inDrawing(drawIcicleChart(nothing, 'none'), 'string(/*/*[1])')).toBe('none');
});

/** Relative luminance of a colour `#rrggbb` (Web Content Accessibility Guidelines 2.2). */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test('text is readable on every colour, on a light and on a dark ground', () => {
  const style = /<style>(.*)<\/style>/.exec(drawBarChart([], 'x'))?.[1] ?? '';
  const [light = '', dark = ''] = style.split('@media (prefers-color-scheme: dark)');
  for (const sheet of [light, dark]) {
    const fill = (selector: string) =>
      new RegExp(`(?:^|[ {])${selector} \\{ fill: (#[0-9a-f]{6})`).exec(sheet)?.[1] ?? '';
    const contrast = (a: string, b: string) => {
      const [one = 0, other = 0] = [luminance(fill(a)), luminance(fill(b))].sort((x, y) => y - x);
      return (one + 0.05) / (other + 0.05);
    };
    const grounds = ['\\.ground', ...TONES.map((tone) => `\\.${tone}`)];
    for (const ground of grounds) expect(contrast('text', ground), ground).toBeGreaterThan(4.5);
    expect(contrast('\\.faint', '\\.ground')).toBeGreaterThan(4.5);
  }
});

test('shortened text keeps its beginning and its end', () => {
  expect(shorten('usr/lib/modules/zram.ko', 11)).toBe('usr/l…am.ko');
  expect(shorten('short', 5)).toBe('short');
  expect(makePrintable('a\u001bb')).toBe('a\\u{1b}b');
});

test('as text each bar is one line, and control characters in names are escaped', () => {
  const drawn = drawTextChart(bars).trimEnd().split('\n');
  expect(drawTextChart(bars)).toBe(drawTextChart(bars));
  expect(drawn).toHaveLength(bars.length);
  for (const line of drawn) {
    expect(line).toBe(makePrintable(line));
    expect([...line].length).toBeLessThan(160);
  }
  const even = { tone: 'first' as const, note: '1 s' };
  const two = [
    { ...even, name: 'a', from: 0, to: 5 },
    { ...even, name: 'longer', from: 5, to: 10, tone: 'quiet' as const },
  ];
  expect(drawTextChart(two)).toBe(
    `a       ${'#'.repeat(30).padEnd(61)}  1 s\nlonger  ${`${' '.repeat(30)}${'-'.repeat(30)}`.padEnd(61)}  1 s\n`,
  );
  expect(drawTextChart([])).toBe('');
});
