import { expect, test } from 'vitest';
import { chooseProfiles } from '../../../tasks/commands/context.ts';

test('a command uses each named profile once, or all if none is named', () => {
  expect(chooseProfiles({ profile: ['qvdc', 'quantix-os', 'qvdc'] })).toEqual([
    'qvdc',
    'quantix-os',
  ]);
  expect(chooseProfiles({ profile: [] })).toEqual(['quantix-os', 'qvdc']);
});
