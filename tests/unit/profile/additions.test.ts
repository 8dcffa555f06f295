import { expect, test } from 'vitest';
import { BuildError } from '../../../build/error.ts';
import { checkWord } from '../../../build/image/grub-config.ts';
import {
  describeAdditions,
  parseAdditions,
  withAdditions,
} from '../../../build/profile/additions.ts';
import { findSettings } from '../../../build/profile/profile.ts';
import { shippedProfile } from './profiles.ts';

const parameters = (cmdline: string) => parseAdditions({ packages: [], cmdline }).cmdline;

test('kernel parameters are words separated by white space, and GRUB accepts each unchanged', () => {
  const words = ['nomodeset', 'loglevel=7', 'isolcpus=1,2-3', 'quantix.data=none', 'a.b=%/@+:'];
  expect(parameters(`  ${words.join(' \t ')} `)).toEqual(words);
  expect(words.map(checkWord)).toEqual(words);
  expect(parameters(' ')).toEqual([]);
});

test.each([
  ['a="b', 'c"'],
  ["a='b'"],
  ['a\nhalt'],
  ['a\rhalt'],
  ['a=$root'],
  ['a;reboot'],
  ['a&b'],
  ['a|b'],
  ['a={b}'],
  ['a\\b'],
  ['a#b'],
  ['a<b>c'],
  ['a=`b`'],
  ['a=é'],
  ['a\0b'],
])('a character that is special to GRUB or the kernel is refused: %j', (...words) => {
  const parse = () => parameters(words.join(' '));
  expect(parse).toThrow(BuildError);
  expect(parse).toThrow(/must be one word of letters, digits and .*\(--cmdline\)/);
});

test.each([
  ['--'],
  ['init=/bin/sh'],
  ['rdinit=/bin/sh'],
  ['initrd=/x'],
  ['noinitrd'],
  ['dm-mod.create=x'],
  ['dm_verity.error_behavior=0'],
  ['dm-verity.error-behavior=0'],
  ['quiet init=/bin/sh'],
])('a parameter that decides which system is started and trusted is refused: %j', (cmdline) => {
  expect(() => parameters(cmdline)).toThrow('would decide what the image starts');
});

test.each([
  'build=0123456789abcdef',
  'medium=UUID=1',
  'slot=a',
  'mode=install',
  'trial',
  'dat=none',
])('a build may not set the appliance’s own parameter quantix.%s', async (parameter) => {
  const profile = await shippedProfile('qvdc');
  const added = parseAdditions({ packages: [], cmdline: `quantix.${parameter}` });
  expect(() => withAdditions(profile, 'debian', added)).toThrow(
    /is set by the image itself, or not known to it .* may set quantix\.answer, quantix\.config,/,
  );
});

test.each(['', '-x', 'a b', 'a;b', '../a', 'a\n', '$(a)', '--package', 'a/b'])(
  'a name that no package can have is refused: %j',
  (name) => {
    expect(() => parseAdditions({ packages: ['htop', name], cmdline: '' })).toThrow(
      /is not the name of a package \(--package\)/,
    );
  },
);

test('additions are in the profile for one base, and described by their options', async () => {
  const profile = await shippedProfile('qvdc');
  const asked = parseAdditions({ packages: ['htop', 'htop'], cmdline: 'nomodeset quantix.debug' });
  const changed = withAdditions(profile, 'debian', asked);
  expect(findSettings(changed, 'debian').packages).toEqual([
    ...findSettings(profile, 'debian').packages,
    'htop',
  ]);
  expect(findSettings(changed, 'alpine')).toEqual(findSettings(profile, 'alpine'));
  expect(changed.cmdline).toEqual([...profile.cmdline, 'nomodeset', 'quantix.debug']);
  expect(changed.added && describeAdditions(changed.added)).toBe(
    '--package htop --cmdline "nomodeset quantix.debug"',
  );
});

test('what the profile already has is not an addition', async () => {
  const profile = await shippedProfile('qvdc');
  const packages = findSettings(profile, 'debian').packages.slice(0, 2);
  const asked = { packages, cmdline: profile.cmdline };
  expect(withAdditions(profile, 'debian', asked)).toBe(profile);
});

test("a package that the profile leaves out is refused with the profile's reason", async () => {
  const profile = await shippedProfile('qvdc');
  const [[name = '', why = ''] = []] = Object.entries(findSettings(profile, 'debian').without);
  const add = () => withAdditions(profile, 'debian', { packages: [name], cmdline: [] });
  expect(add).toThrow(`qvdc leaves the package ${name} out: ${why}`);
});
