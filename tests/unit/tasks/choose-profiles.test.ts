import { expect, test } from 'vitest';
import { chooseProfiles } from '../../../tasks/commands/context.ts';

test('a command works on the profiles that are named, each once, else on all', () => {
  expect(chooseProfiles({ profile: ['qvdc', 'quantix-os', 'qvdc'] })).toEqual([
    'qvdc',
    'quantix-os',
  ]);
  expect(chooseProfiles({ profile: [] })).toEqual(['quantix-os', 'qvdc']);
});
