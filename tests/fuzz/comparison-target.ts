import { compareContent } from '../../build/comparison/compare.ts';
import type { Content } from '../../build/comparison/content.ts';
import { readRootfsTar } from '../../build/comparison/nodes.ts';
import { IN_SETTINGS, readRootfsSettings } from '../../build/comparison/settings.ts';
import { makeSizeTree } from '../../build/comparison/size-tree.ts';
import { rootfs, tarOf } from '../unit/comparison/images.ts';
import { file, hardlink, program } from '../unit/tree/trees.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';
import type { Target } from './target.ts';

const CAPABILITY = 'security.capability';
const CAPABLE = '0100000200200000000000000000000000000000';
const capable = { ...program('usr/bin/ping', 'ping'), attributes: { [CAPABILITY]: CAPABLE } };
const LARGE = new Set(['usr/bin/tool', 'usr/bin/alias']);
const tar = tarOf([
  ...rootfs('1').filter(({ path }) => !LARGE.has(path)),
  ...[program('usr/bin/small', 'small'), hardlink('usr/bin/alias', 'usr/bin/small'), capable],
  file(`usr/${'n'.repeat(120)}`, 'long name'),
]);

async function contentOf(bytes: Buffer): Promise<Content> {
  const chunks = (async function* () {
    yield bytes;
  })();
  const isReported = (path: string) => IN_SETTINGS.has(path);
  const { nodes, texts } = await readRootfsTar(chunks, isReported, 'fuzz');
  const settings = new Map(readRootfsSettings(nodes, texts));
  return { file: 'fuzz', packages: undefined, settings, parts: new Map([['rootfs', nodes]]) };
}

const sound = await contentOf(tar);

/** The content of the tar, with a hostile attribute value and hostile texts. */
function hostileContent(random: Random): Content {
  const value = mutate(Buffer.from(CAPABLE, 'hex'), random).toString('hex');
  const nodes = (sound.parts.get('rootfs') ?? []).map((node) =>
    node.path === capable.path ? { ...node, attributes: { [CAPABILITY]: value } } : node,
  );
  const text = mutate(Buffer.from('NAME="a \\"b\\""\nVERSION=1\n'), random).toString('utf8');
  const settings = new Map(readRootfsSettings(nodes, new Map([['etc/os-release', text]])));
  return { ...sound, settings, parts: new Map([['rootfs', nodes]]) };
}

/** A root filesystem as a tar: its readable part is compared, and the differences can be printed and counted. */
export const comparison: Target = {
  name: 'comparison',
  async once(random) {
    compareContent(sound, hostileContent(random));
    const content = await contentOf(mutate(tar, random));
    const { folders } = compareContent(sound, content);
    const tree = makeSizeTree(content, sound);
    const whole = folders.find(({ path }) => path === '')?.after ?? tree.size;
    if (whole !== tree.size) throw new Error(`${whole} bytes are ${tree.size}`);
  },
};
