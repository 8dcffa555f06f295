import { createHash } from 'node:crypto';
import { END_MARK, paxEntry, type TarType, tarEntry } from '../alpine-mirror/tar.ts';
import type { Random } from './random.ts';

const PARTS = [
  'usr',
  'bin',
  'a',
  'b',
  '..',
  '.',
  '',
  '.hid',
  '.keep_a',
  'ü',
  'a\n',
  ' ',
  '-',
  '\\',
  'n'.repeat(130),
] as const;
const TYPES = ['0', '0', '0', '1', '2', '3', '5', '5', '6'] as const satisfies readonly TarType[];

function path(random: Random): string {
  const length = 1 + random.below(3);
  const parts = Array.from({ length }, () => random.pick(PARTS));
  return `${random.below(8) === 0 ? '/' : ''}${parts.join('/')}`;
}

/**
 * A tar with correct headers and checksums, and hostile names, types, links and order.
 */
export function hostileTar(random: Random): Buffer {
  const entries = Array.from({ length: 1 + random.below(5) }, () => entry(random));
  const start = tarEntry({ name: 'usr/', type: '5', mode: 0o755 });
  return Buffer.concat([start, ...entries, random.below(2) === 0 ? END_MARK : Buffer.alloc(0)]);
}

function entry(random: Random): Buffer {
  const type = random.pick(TYPES);
  const name = random.below(2) === 0 ? `usr/${path(random)}` : path(random);
  const content = type === '0' ? 'x'.repeat(random.below(1200)) : '';
  const target = type === '1' || type === '2' ? path(random) : '';
  const sha1 = createHash('sha1')
    .update(type === '2' ? target : content)
    .digest('hex');
  const owner = {
    uid: random.below(70_000),
    gid: random.below(70_000),
    mode: random.below(0o10000),
  };
  const pax = paxEntry({
    'APK-TOOLS.checksum.SHA1': sha1,
    ...(name.length > 100 || random.below(4) === 0 ? { path: name } : {}),
    ...(target.length > 100 ? { linkpath: target } : {}),
    ...(random.below(8) === 0 ? { 'SCHILY.xattr.user.x': Buffer.from([random.below(256)]) } : {}),
  });
  const { major, minor } = { major: random.below(300), minor: random.below(300) };
  return Buffer.concat([pax, tarEntry({ name, type, target, major, minor, ...owner }, content)]);
}
