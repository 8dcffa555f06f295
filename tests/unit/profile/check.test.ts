import { expect, test } from 'vitest';
import { checkProfile, listProfileNames, loadProfile } from '../../../build/profile/load.ts';
import { findSettings, listFlavours, selectProfile } from '../../../build/profile/profile.ts';
import written from '../../../profiles/qvdc.ts';
import { PROJECT, withKey, withoutKey } from './profiles.ts';

const good = structuredClone(checkProfile(written, 'profiles/qvdc.ts'));
const refusalOf = (profile: unknown) => {
  try {
    checkProfile(profile, 'profiles/qvdc.ts');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'it was taken';
};
const root = { ...good.accounts.users.root };

test('every shipped profile is valid and has the name of its file', async () => {
  const names = listProfileNames(PROJECT);
  expect(names).toEqual(['quantix-os', 'qvdc']);
  const loaded = await Promise.all(names.map((name) => loadProfile(PROJECT, name)));
  expect(loaded.map(({ name }) => name)).toEqual(names);
});

test('a checked profile is valid when it is checked again', () => {
  expect(checkProfile(good, 'profiles/qvdc.ts')).toEqual(good);
});

test.each([
  [['colour'], 'blue', 'colour is not a key'],
  [['bases', 'debian', 'pakages'], [], 'bases.debian.pakages is not a key'],
  [['bases', 'gentoo'], {}, 'bases.gentoo is not a key'],
  [['accounts', 'users', 'root', 'pasword'], '', 'accounts.users.root.pasword is not a key'],
  [['name'], 'QvDC', 'name: must be lower case letters, digits and -'],
  [['name'], 7, 'name: Invalid input: expected string, received number'],
  [['name'], '../qvdc', 'name: must be lower case'],
  [['title'], '', 'title: '],
  [['volumeId'], 'qvdc', 'volumeId: must be 1 to 32 of'],
  [['volumeId'], 'Q'.repeat(33), 'volumeId: must be 1 to 32 of'],
  [['labelPrefix'], 'QUANTIXX', 'labelPrefix: must be 1 to 7 of A-Z'],
  [['namespace'], 'Hello', 'namespace: must be 1 to 32 lower case letters, digits and -'],
  [['namespace'], 'a/b', 'namespace: must be 1 to 32'],
  [['namespace'], 'usr', 'namespace: /usr is a folder of every system'],
  [['programPrefix'], '$x', 'programPrefix: must be 1 to 32'],
  [['programs'], ['hi-node'], 'programs: hi-node does not begin with qx-, the programPrefix'],
  [['hostname'], '-qvdc', 'hostname: is not a host name'],
  [['bases', 'debian', 'packages'], [], 'bases.debian.packages: '],
  [['bases', 'debian', 'packages'], ['bash lib'], 'bases.debian.packages.0: is not a package name'],
  [['bases', 'debian', 'packages'], ['a', '--reinstall'], 'bases.debian.packages.1: is not a pack'],
  [['bases', 'debian', 'suite'], 'bookworm main', 'bases.debian.suite: is not a Debian suite'],
  [['bases', 'debian', 'components'], ['universe'], 'bases.debian.components.0: '],
  [['bases', 'debian', 'without', 'perl'], 'no', 'bases.debian.without.perl: needs a reason'],
  [['bases', 'debian', 'drop', 'usr/doc'], 'documentation', 'bases.debian.drop.usr/doc: the key'],
  [['bases', 'debian', 'drop', '/a/../b'], 'documentation', 'bases.debian.drop./a/../b: the key'],
  [['bases', 'debian', 'links', '/etc/'], 'x', 'bases.debian.links./etc/: the key is not an abs'],
  [['accounts', 'groups', 'x:y'], 7, 'accounts.groups.x:y: the key is not an account name'],
  [['accounts', 'groups', 'wheel'], -1, 'accounts.groups.wheel: '],
  [['accounts', 'users', 'root', 'uid'], 65_535, 'accounts.users.root.uid: '],
  [['accounts', 'users', 'root', 'uid'], 0.5, 'accounts.users.root.uid: '],
  [['accounts', 'users', 'root', 'comment'], 'a:b', 'accounts.users.root.comment: must not'],
  [['accounts', 'users', 'root', 'shell'], 'sh', 'accounts.users.root.shell: is not an absolute'],
  [['runlevels', 'boot'], ['../x'], 'runlevels.boot.0: is not a service name'],
  [
    ['overlays'],
    ['/common'],
    'overlays.0: is neither a folder of overlay/ nor a path that begins with ./ or ../',
  ],
  [['cmdline'], ['quiet splash'], 'cmdline.0: must be one word'],
  [['cmdline'], ['a=$(reboot)'], 'cmdline.0: must be one word'],
  [['initramfs', 'modules'], ['../x'], 'initramfs.modules.0: is not a kernel module'],
  [['kernel', 'drop', '/sound'], 'nobody hears it', 'kernel.drop./sound: the key is not a path'],
  [['kernel', 'drop', 'sound'], '', 'kernel.drop.sound: needs a reason'],
  [
    ['kernel', 'drivers', 'full', 'PC'],
    { medium: ['a b'], system: [] },
    'PC.medium.0: is not a kernel',
  ],
  [['programs'], ['node'], 'programs: node does not begin with qx-, the programPrefix'],
  [['programs'], ['qx-../x'], 'programs.0: is not the name of a program'],
  [
    ['bases', 'alpine', 'architectures', 'x86_64', 'node'],
    { version: '26' },
    'bases.alpine.architectures.x86_64.node.version: is not a version',
  ],
  [
    ['bases', 'alpine', 'architectures', 'x86_64', 'node'],
    { sha256: 'A1' },
    'bases.alpine.architectures.x86_64.node.sha256: is not a SHA-256',
  ],
  [
    ['bases', 'alpine', 'architectures', 'x86_64', 'node'],
    { url: 'ftp://x' },
    'bases.alpine.architectures.x86_64.node.url: is not an address',
  ],
  [['bases', 'debian', 'architectures', 'vax'], {}, 'bases.debian.architectures.vax is not a key'],
  [['bases'], {}, 'bases: names no base'],
  [['bases', 'debian', 'architectures', 'arm64', 'kernel'], {}, 'arm64.kernel: names no kernel'],
  [['bases', 'debian', 'flavours'], { tiny: {} }, 'bases.debian.flavours.tiny is not a key'],
  [['paths', 'etc/x'], { type: 'directory' }, 'paths.etc/x: the key is not an absolute path'],
  [['paths', '/../x'], { type: 'directory' }, 'paths./../x: the key is not an absolute path'],
  [['paths', '/etc//x'], { type: 'directory' }, 'paths./etc//x: the key is not an absolute path'],
  [['paths', '/etc/x'], { type: 'file' }, 'paths./etc/x.text: Invalid input'],
  [['paths', '/etc/x'], { type: 'copy', of: '/etc/passwd' }, 'paths./etc/x.of: is not a path'],
  [['paths', '/etc/x'], { type: 'directory', mode: 0o10_000 }, 'paths./etc/x.mode: is not a mode'],
  [['paths', '/etc/x'], { type: 'directory', user: 'nobody2' }, 'paths./etc/x: there is no user'],
  [['paths', '/etc/x'], { type: 'directory', group: 'no' }, 'paths./etc/x: there is no group no'],
  [['kernel', 'drivers', 'without', 'arm64', 'vmd'], '', 'without.arm64.vmd: needs a reason'],
  [['setuid', '/usr/bin/sudo'], '', 'setuid./usr/bin/sudo: needs a reason'],
])('%j as %j is reported with its key', (path, value, message) => {
  const refusal = refusalOf(withKey(good, path, value));
  expect(refusal).toContain(message);
  expect(refusal).toContain('(profiles/qvdc.ts)');
});

test.each([[['title']], [['accounts', 'users', 'root', 'home']], [['runlevels']]])(
  '%j left out is reported with its key',
  (path) => {
    expect(refusalOf(withoutKey(good, path))).toContain(`${path.join('.')}: Invalid input`);
  },
);

test('all mistakes are reported at once', () => {
  const refusal = refusalOf(withKey(withKey(good, ['hostname'], ''), ['volumeId'], ''));
  expect(refusal).toContain('volumeId: ');
  expect(refusal).toContain('hostname: ');
});

test.each([[undefined], [null], ['text'], [[]]])('%j instead of a profile is reported', (value) => {
  expect(refusalOf(value)).toContain('the default export: Invalid input: expected object');
});

test('a user of a missing group is reported, whatever the name of the group', () => {
  const users = { a: { ...root, uid: 900, group: 'wheel' }, b: { ...root, uid: 901 } };
  const member = withKey(users, ['b', 'member'], ['constructor']);
  const refusal = refusalOf(withKey(good, ['accounts', 'users'], member));
  expect(refusal).toContain('accounts.users.a: there is no group wheel');
  expect(refusal).toContain('accounts.users.b: there is no group constructor');
});

test('an id of two users or two groups is reported with the first owner', () => {
  const groups = withKey(good, ['accounts', 'groups', 'wheel'], 0);
  expect(refusalOf(groups)).toContain("accounts.groups.wheel: id 0 is already root's");
  const users = withKey(good, ['accounts', 'users', 'toor'], root);
  expect(refusalOf(users)).toContain("accounts.users.toor: id 0 is already root's");
});

test('a package that is both wanted and left out is reported, and no other one', () => {
  const both = withKey(good, ['bases', 'debian', 'without', 'bash'], 'nobody wants a shell');
  expect(refusalOf(both)).toContain('bases.debian.without.bash: is also among the packages');
  const own = ['bases', 'debian', 'architectures', 'arm64'];
  const late = withKey(good, [...own, 'without'], { bash: 'nobody wants a shell' });
  expect(refusalOf(late)).toContain(`${own.join('.')}.without.bash: is also among the packages`);
  const packages = withKey(good, ['bases', 'debian', 'packages'], ['constructor']);
  expect(refusalOf(packages)).toBe('it was taken');
});

test('a package of one flavour that is left out is reported', () => {
  const flavours = { full: { packages: ['ovmf'] } };
  const wanted = withKey(good, ['bases', 'debian', 'flavours'], flavours);
  const both = withKey(wanted, ['bases', 'debian', 'without', 'ovmf'], 'nobody boots by UEFI');
  expect(refusalOf(wanted)).toBe('it was taken');
  expect(refusalOf(both)).toContain('bases.debian.without.ovmf: is also among the packages');
});

test('keys with a default can be left out', () => {
  const { debian } = good.bases;
  const { suite, components, busybox } = { ...debian };
  const { name, title, volumeId, labelPrefix, hostname, memory, accounts, initramfs } = good;
  const architectures = { x86_64: { kernel: { virt: 'linux' }, grub: ['grub'] } };
  const least = checkProfile(
    {
      ...{ name, title, volumeId, labelPrefix, hostname, memory, accounts, initramfs },
      ...{ runlevels: {}, kernel: { drivers: {} } },
      bases: { debian: { suite, components, busybox, packages: ['bash'], architectures } },
    },
    'least.ts',
  );
  const profile = selectProfile(least, 'x86_64', '/least.ts');
  expect(profile).toMatchObject({ namespace: name, programPrefix: name });
  const settings = findSettings(profile, 'debian');
  expect(listFlavours(settings)).toEqual(['virt']);
});
