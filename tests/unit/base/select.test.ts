import { expect, test } from 'vitest';
import { type BaseCircumstances, selectBase } from '../../../build/base/select.ts';
import { findSettings, type Profile } from '../../../build/profile/profile.ts';
import { serve } from '../cache/room.ts';
import { shippedProfile } from '../profile/profiles.ts';

/** A profile with these Alpine mirrors. */
async function profileAt(mirrors: string[]): Promise<Profile> {
  const profile = await shippedProfile();
  findSettings(profile, 'alpine').mirrors = mirrors;
  return profile;
}

/** Returns the base that `auto` selects for a profile, and the messages. */
async function automatic(profile: Profile, circumstances: Partial<BaseCircumstances>) {
  const said: string[] = [];
  const say = (line: string) => said.push(line);
  const usual = { isLocked: () => true, mayFallBack: true, profile, say };
  const { name } = await selectBase('auto', { ...usual, ...circumstances });
  return { name, said };
}

const LOCKED = 'qvdc: packages come from Alpine: it is locked';
const nowhere = 'http://127.0.0.1:1/alpine';

test('if a fallback is not allowed, a locked Alpine is chosen without contacting a mirror', async () => {
  const mirror = await serve((_, response) => response.writeHead(500).end());
  const profile = await profileAt([mirror.url]);
  const found = await automatic(profile, { mayFallBack: false });
  expect(found).toEqual({ name: 'alpine', said: [LOCKED] });
  expect(mirror.asked).toEqual([]);
});

test('a development build falls back to Debian, with one line, if no Alpine mirror answers', async () => {
  expect(await automatic(await profileAt([nowhere, nowhere]), {})).toEqual({
    name: 'debian',
    said: [
      'qvdc: packages come from Debian: no mirror of Alpine answers (BASE=alpine selects it anyway)',
    ],
  });
});

test('Alpine is chosen if any one mirror answers', async () => {
  const mirror = await serve((_, response) => response.end('index'));
  const profile = await profileAt([nowhere, mirror.url]);
  expect(await automatic(profile, {})).toEqual({ name: 'alpine', said: [LOCKED] });
});

test('if Alpine is not locked, Debian is chosen without contacting a mirror', async () => {
  const mirror = await serve((_, response) => response.end('index'));
  const profile = await profileAt([mirror.url]);
  const found = await automatic(profile, { isLocked: () => false });
  expect(found).toEqual({
    name: 'debian',
    said: ['qvdc: packages come from Debian: Alpine is not locked (BASE=alpine selects it anyway)'],
  });
  expect(mirror.asked).toEqual([]);
});

test('a profile with only Alpine is built from Alpine', async () => {
  const profile = await profileAt([nowhere]);
  delete profile.bases.debian;
  expect(await automatic(profile, { isLocked: () => false })).toEqual({
    name: 'alpine',
    said: ['qvdc: packages come from Alpine: the profile has no other base'],
  });
});
