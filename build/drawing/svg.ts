import { makePrintable } from './printable.ts';

/** Meaning of a shape, which determines its colour. */
export const TONES = ['first', 'second', 'good', 'bad', 'quiet'] as const;
export type Tone = (typeof TONES)[number];

/** Colours of tones for a light and a dark background; both contrast with the background and with text on them. */
const COLOURS: Readonly<Record<Tone | 'ground' | 'text' | 'faint', readonly [string, string]>> = {
  ground: ['#ffffff', '#1c2128'],
  text: ['#1f2328', '#e6edf3'],
  faint: ['#59636e', '#9198a1'],
  first: ['#8db4e2', '#2f5f9e'],
  second: ['#f0b35e', '#8a5a14'],
  good: ['#8fd19e', '#2a6b3c'],
  bad: ['#f2a097', '#9c3a31'],
  quiet: ['#d0d7de', '#444c56'],
};

/** Escapes text for XML, between tags and in attributes. */
export function escapeXml(text: string): string {
  return makePrintable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Position in pixels and style of a text. */
export interface TextPlace {
  x: number;
  y: number;
  /** `end`: the text ends at `x`. */
  anchor?: 'end';
  look?: 'title' | 'faint';
}

/** Draws a line of text. */
export function drawSvgText(text: string, { x, y, anchor, look }: TextPlace): string {
  const attributes = [
    `x="${pixels(x)}" y="${pixels(y)}"`,
    ...(anchor === undefined ? [] : [`text-anchor="${anchor}"`]),
    ...(look === undefined ? [] : [`class="${look}"`]),
  ];
  return `<text ${attributes.join(' ')}>${escapeXml(text)}</text>`;
}

/** Draws a rectangle, in pixels; `hint` is shown when the pointer is on it. */
export function drawSvgRectangle(
  { x, y, width, height }: { x: number; y: number; width: number; height: number },
  tone: Tone,
  hint: string,
): string {
  const place = `x="${pixels(x)}" y="${pixels(y)}" width="${pixels(width)}" height="${pixels(height)}"`;
  return `<rect ${place} class="${tone}"><title>${escapeXml(hint)}</title></rect>`;
}

/**
 * Returns a drawing as SVG 1.1, with colours for a light background or, if the viewer prefers it, a dark one.
 * @param shapes results of `drawSvgText` and `drawSvgRectangle`, in drawing order
 */
export function makeSvgDocument(
  { width, height, title }: { width: number; height: number; title: string },
  shapes: readonly string[],
): string {
  const size = `width="${pixels(width)}" height="${pixels(height)}" viewBox="0 0 ${pixels(width)} ${pixels(height)}"`;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" font-family="sans-serif" font-size="12">`,
    `<title>${escapeXml(title)}</title>`,
    `<style>${style(0)}@media (prefers-color-scheme: dark) { ${style(1)}}</style>`,
    '<rect class="ground" width="100%" height="100%"/>',
    ...shapes,
    '</svg>',
  ].join('\n')}\n`;
}

function style(ground: 0 | 1): string {
  const fills = Object.entries(COLOURS).map(([name, colours]) => {
    const selector = name === 'text' ? 'text' : `.${name}`;
    return `${selector} { fill: ${colours[ground]}; } `;
  });
  return `${fills.join('')}.title { font-weight: bold; } `;
}

/** Formats a number of pixels with two decimals, always in the same way. */
function pixels(value: number): string {
  return String(Math.round(value * 100) / 100);
}
