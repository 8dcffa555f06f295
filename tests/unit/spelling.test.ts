import { expect, test } from 'vitest';
import { closeSpellings } from '../../build/spelling.ts';

test('similarly spelt names are listed best first, at most three', () => {
  const known = ['virtio_net', 'virtio_blk', 'virtio_pci', 'virtio_mem', 'ext4', 'loop'];
  expect(closeSpellings('virtio_blc', known)[0]).toBe('virtio_blk');
  expect(closeSpellings('virtio_xyz', known)).toHaveLength(3);
  expect(closeSpellings('loob', known)).toEqual(['loop']);
});

test('nothing alike gives nothing', () => {
  expect(closeSpellings('nvme', ['ext4', 'xfs', 'nvme_tcp_and_more'])).toEqual([]);
  expect(closeSpellings('', ['ext4'])).toEqual([]);
});
