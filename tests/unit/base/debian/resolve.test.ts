import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  assertKnown,
  choosePackages,
  formatPretendedStatus,
  parseUris,
} from '../../../../build/base/debian/apt/resolve.ts';
import { AptState } from '../../../../build/base/debian/apt/state.ts';
import { temporaryFolder } from '../../folder.ts';
import { printing, putAptOnPath } from './fake-apt.ts';

describe('addresses printed by apt-get', () => {
  test('are found by the decoded file name of each archive', () => {
    const text =
      "'http://d.example/pool/b/bash_5.2-2%2bb2_amd64.deb' bash_5.2-2+b2_amd64.deb 1491424 SHA256:ab\n" +
      "'file:///srv/x_1%3a2_all.deb' x_1%3a2_all.deb 10 \n" +
      "'http://d.example/y_1_all.deb' y_1_all.deb 10\n";
    const found = [...parseUris(text)].map(([file, { name, uri }]) => [file, name, uri]);
    expect(found).toEqual([
      ['bash_5.2-2+b2_amd64.deb', 'bash', 'http://d.example/pool/b/bash_5.2-2%2bb2_amd64.deb'],
      ['x_1:2_all.deb', 'x', 'file:///srv/x_1%3a2_all.deb'],
      ['y_1_all.deb', 'y', 'http://d.example/y_1_all.deb'],
    ]);
  });

  test.each([
    ['', []],
    ['Reading package lists...\nW: something\n', []],
    ['http://d.example/a_1.deb a_1.deb 1 SHA256:ab\n', []],
    ["'http://d.example/100%.deb' a_100%.deb 1 SHA256:ab\n", ['100%.deb']],
    ["'http://d.example/%ff.deb' x_1.deb 1 SHA256:ab\n", ['%ff.deb']],
  ])('%j have the file names %j', (text, names) => {
    expect([...parseUris(text).keys()]).toEqual(names);
  });

  test.each([
    "'http://d.example/a_1.deb' a_1.deb big SHA256:ab",
    "'' a_1.deb 1 SHA256:ab",
    "'http://d.example/a.deb' a.deb 1 SHA256:ab",
    "'http://d.example/a_1.deb' _1.deb 1 SHA256:ab",
    "'http://d.example/a_1.deb",
  ])('%j is an error', (line) => {
    expect(() => parseUris(`${line}\n`)).toThrow('not an archive: "\'');
  });
});

describe('with a stand-in for apt', () => {
  const stanza = (name: string, version = '1.0', more = '') =>
    `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\nFilename: pool/${name}_${version}.deb\n${more}\n`;

  /** Makes an apt that prints the answer for a word among its arguments, and fails at another word. */
  async function fakeApt(answers: Record<string, string>, failing = ''): Promise<AptState> {
    const cases = Object.entries(answers).map(([word, answer]) => [
      `*' ${word} '*`,
      printing(answer),
    ]);
    const failure = `*' ${failing} '*`;
    await putAptOnPath(
      Object.fromEntries([...cases, [failure, "echo 'E: broken packages' >&2; exit 100"]]),
    );
    const directory = await temporaryFolder();
    return AptState.prepare({
      directory,
      indexes: join(directory, 'indexes'),
      sources: [],
      components: ['main'],
      architecture: 'amd64',
      keyring: '/keys.gpg',
      network: { settings: new Map(), exempt: '', findRoute: () => ({}), addLogIn: (one) => one },
      now: new Date(),
    });
  }

  const uri = (name: string) =>
    `'http://d.example/pool/${name}_1.0.deb' ${name}_1.0_amd64.deb 1 SHA256:ab\n`;
  const answers = {
    pkgnames: 'bash\nlibc6\nlibvirt-dev\nlibvirt0\n',
    '--print-uris': uri('bash') + uri('libc6'),
    show: `${stanza('bash')}\n${stanza('bash', '0.9')}\n${stanza('libc6')}`,
  };

  const choose = async (apt: AptState, names: string[]) =>
    (await choosePackages(apt, [{ names, where: 'the profile' }])).flat();

  test('the chosen packages are described, each with its address', async () => {
    const chosen = await choose(await fakeApt(answers), ['bash']);
    expect(chosen.map(({ stanza: one, uri: at }) => [one.get('version'), at])).toEqual([
      ['1.0', 'http://d.example/pool/bash_1.0.deb'],
      ['1.0', 'http://d.example/pool/libc6_1.0.deb'],
    ]);
  });

  test('an unknown name is reported with similar names', async () => {
    const apt = await fakeApt(answers);
    const unknown = (...names: string[]) => assertKnown(apt, [{ names, where: 'the profile' }]);
    await expect(unknown('bash', 'libvirtt')).rejects.toThrow(
      /^no package is called libvirtt \(the profile\)\. Did you mean libvirt0\?$/,
    );
    await expect(unknown('zzz')).rejects.toThrow('Check the spelling.');
  });

  test('conflicting packages are reported with apt’s message', async () => {
    const apt = await fakeApt(answers, '--print-uris');
    await expect(choose(apt, ['bash'])).rejects.toThrow(
      'the packages cannot be installed together: broken packages (the profile)',
    );
  });

  test.each([
    [
      'does not describe a chosen package',
      { show: stanza('bash') },
      'apt chose libc6 (libc6_1.0.deb) but does not describe it',
    ],
    ['describes another version', { show: stanza('bash', '2') + stanza('libc6') }, 'apt chose'],
    ['describes a package without its file', { show: 'Package: bash\n' }, 'has no field filename'],
    ['writes what is no description', { show: 'Segmentation fault' }, 'not a field'],
  ])('an apt that %s is refused', async (_, odd, message) => {
    const apt = await fakeApt({ ...answers, ...odd });
    await expect(choose(apt, ['bash'])).rejects.toThrow(message);
  });

  test('a package that is left out is presented as installed, slightly newer, with its provided names', async () => {
    const show = stanza('perl', '5.36', 'Provides: perl5, x (= 1)\nMulti-Arch: allowed\n');
    const apt = await fakeApt({ pkgnames: 'perl\n', show });
    expect(await formatPretendedStatus(apt, ['perl'])).toBe(
      [
        'Package: perl',
        'Status: install ok installed',
        'Version: 5.36+without',
        'Architecture: amd64',
        'Provides: perl (= 5.36), perl5, x (= 1)',
        'Multi-Arch: allowed',
        'Maintainer: nobody',
        'Description: left out by the profile',
        '',
      ].join('\n'),
    );
    expect(await formatPretendedStatus(apt, [])).toBe('');
  });

  test('an index that cannot be fetched is reported with apt’s first complaint', async () => {
    const apt = await fakeApt({}, 'update');
    await expect(apt.update()).rejects.toThrow(
      'the package indexes cannot be fetched: broken packages. Check the network',
    );
  });
});
