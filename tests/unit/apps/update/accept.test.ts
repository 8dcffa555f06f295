import { describe, expect, test } from 'vitest';
import { acceptRelease, type Terms } from '../../../../apps/update/accept.ts';
import { RESERVED_BYTES } from '../../../../apps/update/progress-note.ts';
import { verifyRelease } from '../../../../build/release/sign.ts';
import { imageOf, KEY, RUNNING, releaseOf } from './world.ts';

const IMAGE = imageOf('0.2.0');
const DAY = 86_400_000;
const OWNER = 'a'.repeat(64);

const terms = (changes: Partial<Terms> = {}): Terms => ({
  running: RUNNING,
  now: new Date(),
  floor: 0,
  seen: 0,
  slotBytes: IMAGE.length + RESERVED_BYTES,
  owner: undefined,
  ...changes,
});

describe('a release', () => {
  test('is accepted if it is for this machine, new enough, and fits', () => {
    const { release } = releaseOf(IMAGE);
    expect(() => acceptRelease(release, terms({ floor: 2, seen: 2 }))).not.toThrow();
  });

  test('with an owner’s signature is accepted on a disk with this owner’s key, and on a disk without one', () => {
    const { release } = releaseOf(IMAGE, { owner: OWNER });
    expect(() => acceptRelease(release, terms({ owner: OWNER }))).not.toThrow();
    expect(() => acceptRelease(release, terms())).not.toThrow();
  });

  test.each([
    ['wrong product', { product: 'qvdc' }, {}, 'it is a release of qvdc'],
    ['another CPU', { architecture: 'arm64' }, {}, 'it is for arm64'],
    ['another base', { base: 'debian' }, {}, 'it is made from debian'],
    ['expired', {}, { now: new Date(Date.now() + 2 * DAY) }, 'it expired at'],
    [
      'a clock that shows the past',
      {},
      { now: new Date(0) },
      'whether it has expired is not known (quantix-os 0.2.0, stable 2). Set the time',
    ],
    ['below the floor', {}, { floor: 3 }, 'takes none below 3'],
    ['older than one that was seen', {}, { seen: 3 }, 'it is an old release'],
    ['not signed with the key of the disk', {}, { owner: OWNER }, 'not signed with the key'],
    [
      'signed with another key',
      { owner: 'b'.repeat(64) },
      { owner: OWNER },
      'the boot loader of this disk demands',
    ],
    ['too large', {}, { slotBytes: IMAGE.length + RESERVED_BYTES - 1 }, 'has room for'],
  ])('is refused: %s', (_name, changes, other, why) => {
    const { release } = releaseOf(IMAGE, changes);
    expect(() => acceptRelease(release, terms(other))).toThrow(why);
  });

  test('is trusted only if a key in the image signed it', () => {
    const { envelope } = releaseOf(IMAGE);
    expect(() => verifyRelease(envelope, [])).toThrow('no key for releases is trusted here');
    expect(verifyRelease(envelope, [KEY]).version).toBe('0.2.0');
    const other = envelope.replace(
      /"payload":"(.)/,
      (_, first) => `"payload":"${first === 'e' ? 'f' : 'e'}`,
    );
    expect(() => verifyRelease(other, [KEY])).toThrow();
  });
});
