import { expect, test } from 'vitest';
import { BuildError } from '../../../build/error.ts';
import { word } from '../../../build/image/grub-config.ts';
import {
  describeAdditions,
  parseAdditions,
  withAdditions,
} from '../../../build/profile/additions.ts';
import { findSettings } from '../../../build/profile/profile.ts';
import { shippedProfile } from './profiles.ts';

const parameters = (cmdline: string) => parseAdditions({ packages: [], cmdline }).cmdline;

test('kernel parameters are words between white space, each of which GRUB takes as it is', () => {
  const words = ['nomodeset', 'loglevel=7', 'isolcpus=1,2-3', 'quantix.data=none', 'a.b=%/@+:'];
  expect(parameters(`  ${words.join(' \t ')} `)).toEqual(words);
  expect(words.map(word)).toEqual(words);
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
])('what GRUB or the kernel would read otherwise is refused: %j', (...words) => {
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
])('what decides which system is started and believed is refused: %j', (cmdline) => {
  expect(() => parameters(cmdline)).toThrow('would decide what the image starts');
});

test.each([
  'build=0123456789abcdef',
  'medium=UUID=1',
  'slot=a',
  'mode=install',
  'trial',
  'dat=none',
])('of the appliance’s own parameters quantix.%s is not a build’s to set', (parameter) => {
  expect(() => parameters(`quantix.${parameter}`)).toThrow(
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

test('what is added is in the profile for one base, and said as the options that name it', async () => {
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

test('what the profile has already is no addition', async () => {
  const profile = await shippedProfile('qvdc');
  const packages = findSettings(profile, 'debian').packages.slice(0, 2);
  const asked = { packages, cmdline: profile.cmdline };
  expect(withAdditions(profile, 'debian', asked)).toBe(profile);
});

test('a package that the profile leaves out is refused with the reason for that', async () => {
  const profile = await shippedProfile('qvdc');
  const [[name = '', why = ''] = []] = Object.entries(findSettings(profile, 'debian').without);
  const add = () => withAdditions(profile, 'debian', { packages: [name], cmdline: [] });
  expect(add).toThrow(`qvdc leaves the package ${name} out: ${why}`);
});
