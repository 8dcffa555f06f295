import { makePrintable, shorten } from './printable.ts';
import { drawSvgRectangle, drawSvgText, makeSvgDocument, type Tone } from './svg.ts';

/** A part of a whole, with its own parts. */
export interface IcicleNode {
  name: string;
  /** Text after the name if there is space. */
  note: string;
  /** At least the total of the parts. */
  size: number;
  tone: Tone;
  /** Text shown when the pointer is on it. */
  hint: string;
  parts: readonly IcicleNode[];
}

/** Sizes in pixels: total width, height of a level, width of a character, and the narrowest part that is drawn. */
const [WIDTH, LEVEL, CHARACTER, NARROWEST] = [1180, 24, 7, 1];
const [LEFT, TOP] = [10, 32];

/**
 * Draws a tree of sizes as SVG: each part is a rectangle below its whole, with a width proportional to its size. Parts
 * narrower than a pixel are left out.
 */
export function drawIcicleChart(root: IcicleNode, title: string): string {
  const scale = WIDTH / Math.max(root.size, 1);
  const shapes: string[] = [];
  let deepest = 0;
  const draw = (node: IcicleNode, x: number, level: number): void => {
    const width = node.size * scale;
    if (width < NARROWEST) return;
    deepest = Math.max(deepest, level);
    const y = TOP + level * LEVEL;
    // A gap at the right and the bottom separates neighbours of the same colour.
    const place = { x, y, width: Math.max(width - 1, 0.5), height: LEVEL - 1 };
    shapes.push(drawSvgRectangle(place, node.tone, node.hint));
    const room = Math.floor((width - 8) / CHARACTER);
    const full = makePrintable(`${node.name} ${node.note}`);
    const words = full.length <= room ? full : shorten(node.name, room);
    if (room >= 3) shapes.push(drawSvgText(words, { x: x + 4, y: y + 16 }));
    let at = x;
    for (const part of node.parts) {
      draw(part, at, level + 1);
      at += part.size * scale;
    }
  };
  draw(root, LEFT, 0);
  const head = drawSvgText(shorten(title, 150), { x: LEFT, y: 20, look: 'title' });
  const height = TOP + (deepest + 1) * LEVEL + 8;
  return makeSvgDocument({ width: WIDTH + 2 * LEFT, height, title }, [head, ...shapes]);
}
