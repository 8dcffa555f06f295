import { expect, test } from 'vitest';
import { poolDeclarationsSchema } from '../../../../apps/storage/declaration.ts';

function refusal(...pools: unknown[]): string {
  const { error } = poolDeclarationsSchema.safeParse(pools);
  return error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ') ?? '';
}

test('pools are declared by a name and a path, an export or a folder', () => {
  const pools = [
    { name: 'fast', path: '/data/pools/fast' },
    { name: 'nas', nfs: '[fd00::1]:/' },
    { name: 'isos', directory: '/data/isos' },
  ];
  expect(poolDeclarationsSchema.parse(pools)).toEqual(pools);
});

test.each([
  [{ name: 'x', path: '/a', nfs: 'a:/b' }, 'exactly one of path, nfs and directory'],
  [{ name: 'x' }, 'exactly one of path, nfs and directory'],
  [{ name: 'x', path: '/a', size: 7 }, 'size'],
  [{ name: '../x', path: '/a' }, '0.name: must be letters'],
  [{ name: '', path: '/a' }, '0.name: must be letters'],
  [{ name: 'x', path: 'a' }, '0.path: must be an absolute path'],
  [{ name: 'x', path: '/a/../etc' }, '0.path: must be an absolute path'],
  [{ name: 'x', path: '/a/' }, '0.path: must be an absolute path'],
  [{ name: 'x', path: '/a\0' }, '0.path: must be an absolute path'],
  [{ name: 'x', path: '/' }, '0.path: '],
  [{ name: 'x', path: '/quantix/node' }, "0.path: is one of the system's own folders"],
  [{ name: 'x', nfs: 'server' }, '0.nfs: must be server:/export'],
  [{ name: 'x', nfs: '-o evil:/a b' }, '0.nfs: must be server:/export'],
  ['/data', '0: '],
  [null, '0: '],
])('%j is refused', (pool, words) => {
  expect(refusal(pool)).toContain(words);
});

test('two pools of one name are refused', () => {
  expect(refusal({ name: 'x', path: '/a' }, { name: 'x', path: '/b' })).toContain('the same name');
});
