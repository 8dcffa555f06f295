import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ExplainedError } from '../../../build/explained-error.ts';
import {
  formatReleaseFiles,
  parseReleaseFiles,
  type ReleaseFile,
} from '../../../build/release/release-files.ts';

const SHA256 = 'ab'.repeat(32);

function file(path: string, changes: Partial<ReleaseFile> = {}): ReleaseFile {
  const of = { product: 'quantix-os', architecture: 'x86_64' };
  return { path, size: 5, sha256: SHA256, kind: 'iso', ...of, ...changes };
}

function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    if (error instanceof ExplainedError) return error.message;
    throw error;
  }
  return 'taken';
}

test('the list of a release reads back as written, in a fixed order', () => {
  const files = [file('b.iso'), file('a.qcow2', { kind: 'qcow2' })];
  const text = formatReleaseFiles({ version: '1.2.3', files });
  expect(formatReleaseFiles({ version: '1.2.3', files: files.toReversed() })).toBe(text);
  const read = parseReleaseFiles(text, 'release.json');
  expect(read.version).toBe('1.2.3');
  expect(read.files).toEqual(files.toReversed());
});

test.each([
  ['a path that leaves the folder', [file('../b.iso')], 'must be a plain file name'],
  ['a hidden file', [file('.b.iso')], 'must be a plain file name'],
  ['a file twice', [file('b.iso'), file('b.iso', { size: 6 })], 'has b.iso twice'],
  ['no file', [], 'has no file'],
  ['half a digest', [file('b.iso', { sha256: 'ab' })], 'must be a SHA-256'],
  ['a negative size', [file('b.iso', { size: -1 })], 'size'],
])('%s is refused', (_, files, why) => {
  expect(refusal(() => formatReleaseFiles({ version: '1.2.3', files }))).toContain(why);
  const text = JSON.stringify({ format: 1, version: '1.2.3', files });
  expect(refusal(() => parseReleaseFiles(text, 'release.json'))).toContain(why);
});

test('any other text is refused with an explained error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect(refusal(() => parseReleaseFiles(text, 'x.json'))).toContain('x.json');
    }),
  );
});
