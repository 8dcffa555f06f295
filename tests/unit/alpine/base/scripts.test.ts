import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { alpine } from '../../../../build/base/alpine/base.ts';
import { describeUnreviewed, type PackageScript } from '../../../../build/contract/scripts.ts';
import { BuildError } from '../../../../build/error.ts';
import type { Profile } from '../../../../build/profile/profile.ts';
import { reportUnreviewed } from '../../../../tasks/scripts.ts';
import type { PackageRecipe } from '../../../alpine-mirror/recipe.ts';
import {
  openWorkplace,
  PACKAGES,
  profileOf,
  program,
  reviewOf,
  SCRIPT,
  type Workplace,
} from './mirrored.ts';

let place: Workplace;

beforeEach(async () => {
  place = await openWorkplace();
});

afterEach(() => place[Symbol.asyncDispose]());

const TRIGGERED = program('library', {
  scripts: { trigger: '#!/bin/sh\necho seen\n', 'post-upgrade': 'echo never\n' },
});
const WITH_TRIGGER = [...PACKAGES.filter(({ name }) => name !== 'library'), TRIGGERED];

/** Returns the scripts that a resolution reports. */
async function resolved(profile: Profile, packages: readonly PackageRecipe[] = WITH_TRIGGER) {
  const mirror = await place.mirror('mirror', packages);
  const { scripts = [] } = await alpine.resolve(place.request({ mirror, profile }));
  return scripts;
}

const verdicts = (scripts: readonly PackageScript[]) =>
  Object.fromEntries(scripts.map((one) => [`${one.package} ${one.script}`, one.verdict]));

test('each script is reported with the profile’s review of exactly this text', async () => {
  expect(verdicts(await resolved(profileOf()))).toEqual({
    'base post-install': 'reviewed',
    'library post-upgrade': 'idle',
    'library trigger': 'unseen',
  });
});

test('a review of another text of the script does not count', async () => {
  const profile = profileOf({
    scripts: { base: reviewOf('another text'), constructor: reviewOf('') },
  });
  const scripts = await resolved(profile, PACKAGES);
  expect(scripts).toMatchObject([
    { package: 'base', verdict: 'changed', reason: 'a test looked at it', text: SCRIPT },
  ]);
});

test('a reason without a hash of the text is not a review', async () => {
  const profile = profileOf({ scripts: { base: { reason: 'it is noted somewhere' } } });
  expect(verdicts(await resolved(profile, PACKAGES))).toEqual({ 'base post-install': 'unseen' });
});

describe('unreviewed scripts', () => {
  /** Returns the messages of a build, as a release or for development. */
  const told = (scripts: readonly PackageScript[], release: boolean) => {
    const said: string[] = [];
    const profile = profileOf();
    reportUnreviewed(scripts, { release, base: alpine, profile }, (line) => said.push(line));
    return said;
  };

  test('are named in one line by a development build, which goes on', async () => {
    const scripts = await resolved(profileOf({ scripts: { base: reviewOf('another text') } }));
    const [line = '', ...more] = told(scripts, false);
    expect(more).toEqual([]);
    expect(line).toMatch(/^qvdc: .*none is run: /);
    expect(line).toContain('library (trigger)');
    expect(line).toContain('base (post-install, changed since its review)');
    expect(told(await resolved(profileOf(), PACKAGES), false)).toEqual([]);
  });

  test('stop a release, with the text of each and the entry for its review', async () => {
    const scripts = await resolved(profileOf());
    const refused = () => told(scripts, true);
    expect(refused).toThrow(BuildError);
    expect(refused).toThrow('    | echo seen\n');
    const entry = /library: \{ reason: '…', sha256: \{ trigger: '[0-9a-f]{64}' \} \},/;
    expect(refused).toThrow(entry);
    expect(refused).not.toThrow(/echo never/);
    expect(told(await resolved(profileOf(), PACKAGES), true)).toEqual([]);
  });

  test('are reviewed by adding the reported entry, in which the reason must be filled in', async () => {
    const profile = profileOf({ scripts: { base: reviewOf('another text') } });
    const told = describeUnreviewed(await resolved(profile, PACKAGES)).join('\n');
    const sha256 =
      /base: \{ reason: "a test looked at it", sha256: \{ 'post-install': '(\w+)' \} \}/;
    expect(told).toMatch(sha256);
    const [, digest = ''] = sha256.exec(told) ?? [];
    const reviewed = profileOf({
      scripts: { base: { reason: 'a test looked at it', sha256: { 'post-install': digest } } },
    });
    expect(verdicts(await resolved(reviewed, PACKAGES))).toEqual({
      'base post-install': 'reviewed',
    });
    expect(() => profileOf({ scripts: { base: { reason: '…' } } })).toThrow('needs a reason');
  });

  test('are shown without control characters, and shortened', () => {
    const script: PackageScript = {
      ...{ package: 'x', version: '1', script: 'trigger', sha256: '', verdict: 'unseen' },
      text: `\u001b]0;owned\u0007\u202e\n${'y'.repeat(5000)}\n${'z\n'.repeat(5000)}`,
    };
    const lines = describeUnreviewed([script]);
    expect(lines.join('\n')).not.toMatch(/[^\P{C}\n]/u);
    expect(lines.length).toBeLessThan(220);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(500);
    expect(lines.join('\n')).toContain('and 4802 more lines');
  });
});
