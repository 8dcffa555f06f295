import { expect, test } from 'vitest';
import {
  chooseFormats,
  formatPath,
  RELEASE_FORMAT_NAMES,
} from '../../../build/image/release-formats.ts';

test('a release has all formats of its architecture, unless some are named', () => {
  expect(chooseFormats([], 'x86_64')).toEqual([...RELEASE_FORMAT_NAMES]);
  expect(chooseFormats([], 'arm64')).toEqual([
    'iso',
    'raw.zst',
    'qcow2',
    'netboot',
    'rootfs',
    'oci',
  ]);
});

test('the ISO is in every release, and a format named twice is made once', () => {
  expect(chooseFormats(['oci', 'qcow2', 'oci'], 'x86_64')).toEqual(['iso', 'qcow2', 'oci']);
});

test('a format that an architecture does not have is refused', () => {
  expect(() => chooseFormats(['qcow2', 'ova'], 'arm64')).toThrow(
    'the format ova is not made for arm64',
  );
});

test('no two formats of an image have the same file name', () => {
  const names = RELEASE_FORMAT_NAMES.map((name) => formatPath('/d/qvdc-1.2.3-debian.iso', name));
  expect(new Set(names).size).toBe(names.length);
  expect(names).toContain('/d/qvdc-1.2.3-debian.raw.zst');
});
