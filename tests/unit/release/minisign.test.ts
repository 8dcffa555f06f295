import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import {
  formatMinisignPublicKey,
  LONGEST_MINISIGN,
  readMinisign,
  signMinisign,
  verifyMinisign,
} from '../../../build/release/minisign.ts';
import { temporaryFolder } from '../folder.ts';
import { newPair } from './releases.ts';

const ours = newPair('ours');
const others = newPair('others');
const BYTES = Buffer.from('aa  quantix.iso\n');
const text = await signMinisign(BYTES, ours.signer, 'quantix 0.2.0, ü');
const [untrusted = '', marked = '', trusted = '', last = ''] = text.split('\n');

function withLines(...lines: string[]): string {
  return `${lines.join('\n')}\n`;
}

/** Returns the text with the first bytes of its signature changed. */
function withMark(mark: string): string {
  const bytes = Buffer.from(marked, 'base64');
  bytes.write(mark, 'latin1');
  return withLines(untrusted, bytes.toString('base64'), trusted, last);
}

describe('a signature for minisign', () => {
  test('is accepted by minisign itself, with the key in a file and on the command line', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'SHA256SUMS');
    await writeFile(file, BYTES);
    await writeFile(`${file}.minisig`, text);
    await writeFile(join(folder, 'release.pub'), formatMinisignPublicKey(ours.trusted.key));
    const [, onLine = ''] = formatMinisignPublicKey(ours.trusted.key).split('\n');
    const verify = (...key: string[]) => execa('minisign', ['-V', '-m', file, ...key]);
    const { stdout } = await verify('-p', join(folder, 'release.pub'));
    expect(stdout).toContain('Trusted comment: quantix 0.2.0, ü');
    await verify('-P', onLine);
    const [, other = ''] = formatMinisignPublicKey(others.trusted.key).split('\n');
    await expect(verify('-P', other)).rejects.toThrow();
    await writeFile(file, 'changed');
    await expect(verify('-P', onLine)).rejects.toThrow('Signature verification failed');
  });

  /** Formats a number as minisign does: without leading zeros. */
  const shown = (id: string) =>
    BigInt(`0x${id.slice(0, 16)}`)
      .toString(16)
      .toUpperCase();

  test('has a key id from the first digits of the key’s SHA-256', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'f');
    await writeFile(file, BYTES);
    await writeFile(`${file}.minisig`, text);
    const [, other = ''] = formatMinisignPublicKey(others.trusted.key).split('\n');
    const { stderr } = await execa('minisign', ['-V', '-m', file, '-P', other], { reject: false });
    expect(stderr).toContain(shown(ours.trusted.id));
    expect(stderr).toContain(shown(others.trusted.id));
  });

  test('made by minisign itself is accepted', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'f');
    await mkdir(join(folder, 'home'));
    await writeFile(file, BYTES);
    const [pub, secret] = [join(folder, 'k.pub'), join(folder, 'k.key')];
    await execa('minisign', ['-G', '-W', '-p', pub, '-s', secret], { env: { HOME: folder } });
    await execa('minisign', ['-S', '-m', file, '-s', secret, '-t', 'theirs'], { input: '' });
    const { stdout } = await execa('cat', [`${file}.minisig`]);
    const theirs = readMinisign(stdout, 'f.minisig');
    expect(theirs.trustedComment).toBe('theirs');
    expect(verifyMinisign(theirs, BYTES, ours.trusted.key)).toBe('of another key');
    await execa('minisign', ['-S', '-l', '-m', file, '-s', secret], { input: '' });
    const { stdout: old } = await execa('cat', [`${file}.minisig`]);
    expect(() => readMinisign(old, 'f.minisig')).toThrow('it is of the old kind');
  });

  test('is the same each time; another key is reported otherwise than changed bytes', async () => {
    expect(await signMinisign(BYTES, ours.signer, 'quantix 0.2.0, ü')).toBe(text);
    const read = readMinisign(text, 'f.minisig');
    expect(read.trustedComment).toBe('quantix 0.2.0, ü');
    expect(verifyMinisign(read, BYTES, ours.trusted.key)).toBe('valid');
    expect(verifyMinisign(read, BYTES, others.trusted.key)).toBe('of another key');
    expect(verifyMinisign(read, Buffer.from('x'), ours.trusted.key)).toBe('of other bytes');
  });

  test('is refused after a change of its comment', () => {
    const read = readMinisign(text.replace('0.2.0', '0.3.0'), 'f.minisig');
    expect(verifyMinisign(read, BYTES, ours.trusted.key)).toBe('of another key');
  });

  test.each([
    ['', /four lines/],
    [withLines(untrusted, marked), /four lines/],
    [`${text}more\n`, /four lines/],
    [text.replace('trusted comment', 'comment'), /four lines/],
    [withLines(untrusted, marked.slice(0, -4), trusted, last), /incomplete/],
    [withLines(untrusted, ` ${marked}`, trusted, last), /incomplete/],
    [withLines(untrusted, marked, trusted, ''), /incomplete/],
    [withLines(untrusted, marked, trusted, last.slice(4)), /incomplete/],
    [withMark('Ed'), /of the old kind/],
    [withMark('XX'), /of an unknown kind/],
    [withLines(untrusted, marked, `${trusted}\u001b[2J`, last), /not plain text/],
    [withLines(untrusted, marked, `${trusted}\u202e`, last), /not plain text/],
    ['untrusted comment: '.repeat(LONGEST_MINISIGN / 10), /too long/],
  ])('is refused if it is broken: %.60j', (broken, why) => {
    expect(() => readMinisign(broken, 'f.minisig')).toThrow(why);
    expect(() => readMinisign(broken, 'f.minisig')).toThrow('(f.minisig)');
  });

  test.each(['two\nlines', 'a\u0000', '\u001b[2J', 'x'.repeat(1025), '\ud800'])(
    'is not made with an invalid comment: %.20j',
    async (comment) => {
      const signing = signMinisign(BYTES, ours.signer, comment);
      await expect(signing).rejects.toThrow(/one line of at most 1024 bytes/);
    },
  );
});
