import { expect, test } from 'vitest';
import { PROGRAMS } from '../../../apps/programs.ts';
import { listProfileNames, loadProfile } from '../../../build/profile/load.ts';
import { PROJECT } from '../profile/profiles.ts';

test.each(listProfileNames(PROJECT))('all programs of %s exist', async (name) => {
  const { programs } = await loadProfile(PROJECT, name);
  expect(Object.keys(PROGRAMS)).toEqual(expect.arrayContaining(programs));
});
