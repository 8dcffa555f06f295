import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  chooseSources,
  hostSources,
  parseDeb822,
  parseOneLine,
} from '../../../../build/base/debian/apt/sources.ts';
import { temporaryFolder } from '../../folder.ts';

const debian = { address: 'http://deb.debian.org/debian', suite: 'bookworm' };

describe('of a file in the one-line style', () => {
  test.each([
    ['deb http://deb.debian.org/debian bookworm main', debian],
    ['deb http://deb.debian.org/debian/ bookworm main contrib', debian],
    ['  deb\thttp://deb.debian.org/debian\tbookworm\tmain # ours', debian],
    ['deb [arch=amd64] http://deb.debian.org/debian bookworm main', debian],
    ['deb [ arch=amd64,i386 signed-by=/k.gpg ] http://deb.debian.org/debian bookworm main', debian],
    ['deb https://m.example/d bookworm main', { ...debian, address: 'https://m.example/d' }],
    ['deb file:///srv/mirror bookworm main', { ...debian, address: 'file:///srv/mirror' }],
  ])('%j is a source', (line, source) => {
    expect(parseOneLine(`# ours\n\n${line}\n`)).toEqual([source]);
  });

  test.each([
    ['# deb http://deb.debian.org/debian bookworm main'],
    ['deb-src http://deb.debian.org/debian bookworm main'],
    ['deb cdrom:[Debian GNU/Linux 12]/ bookworm main'],
    ['deb mirror+file:/etc/apt/mirrors/debian.list bookworm main'],
    ['deb http://deb.debian.org/debian bookworm'],
    ['deb http://deb.debian.org/debian'],
    ['deb'],
    ['debian http://deb.debian.org/debian bookworm main'],
    ['deb [arch=amd64 http://deb.debian.org/debian bookworm main'],
  ])('%j is passed over', (line) => {
    expect(parseOneLine(line)).toEqual([]);
  });
});

describe('of a file in the deb822 style', () => {
  const stanza = (more = '') =>
    `Types: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm\nComponents: main\n${more}`;

  test('each address with each suite is a source', () => {
    const text =
      'types: deb deb-src\nURIs: http://deb.debian.org/debian/\n https://m.example\n' +
      '# a comment\nSuites: bookworm\n\tbookworm-updates\nComponents: main\n';
    expect(parseDeb822(text)).toEqual([
      debian,
      { ...debian, suite: 'bookworm-updates' },
      { address: 'https://m.example', suite: 'bookworm' },
      { address: 'https://m.example', suite: 'bookworm-updates' },
    ]);
  });

  test.each([['no'], ['No'], ['false'], ['off']])(
    'a stanza that says Enabled: %s is passed over, others are not',
    (word) => {
      expect(parseDeb822(stanza(`Enabled: ${word}\n`))).toEqual([]);
      expect(parseDeb822(`${stanza(`Enabled: ${word}\n`)}\n \n${stanza('Enabled: yes')}`)).toEqual([
        debian,
      ]);
    },
  );

  test.each([
    ['deb-src only', stanza().replace('Types: deb', 'Types: deb-src')],
    ['no address', stanza().replace(/URIs.*\n/, '')],
    ['another protocol', stanza().replace('http:', 'ftp:')],
    ['a comment', stanza().replace('Types', '#Types')],
    ['nothing', ''],
    ['no fields at all', 'deb http://deb.debian.org/debian bookworm main\n'],
  ])('a stanza with %s is passed over', (_, text) => {
    expect(parseDeb822(text)).toEqual([]);
  });

  test('a key in the stanza does not hide its other fields', () => {
    const key = 'Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n URIs: http://evil\n';
    expect(parseDeb822(key + stanza())).toEqual([debian]);
  });
});

test('the host’s sources come in the order in which apt reads them', async () => {
  const apt = await temporaryFolder();
  await mkdir(join(apt, 'sources.list.d'));
  await writeFile(join(apt, 'sources.list'), 'deb http://one.example a main\n');
  await writeFile(join(apt, 'sources.list.d/b.list'), 'deb http://three.example a main\n');
  await writeFile(
    join(apt, 'sources.list.d/a.sources'),
    'Types: deb\nURIs: http://two.example\nSuites: a\n',
  );
  await writeFile(join(apt, 'sources.list.d/a.list.save'), 'deb http://old.example a main\n');
  expect(hostSources(apt).map(({ address }) => address)).toEqual([
    'http://one.example',
    'http://two.example',
    'http://three.example',
  ]);
  expect(hostSources(join(apt, 'nowhere'))).toEqual([]);
});

describe('a release is resolved from', () => {
  const addresses = (mirror: string | undefined, host: { address: string; suite: string }[]) =>
    chooseSources('bookworm', mirror, host).map(({ suite, address }) => `${suite} ${address}`);

  test('Debian’s own archives if the host says nothing', () => {
    expect(addresses(undefined, [])).toEqual([
      'bookworm http://deb.debian.org/debian',
      'bookworm-updates http://deb.debian.org/debian',
      'bookworm-security http://deb.debian.org/debian-security',
    ]);
  });

  test('the host’s, where it has the suite', () => {
    const own = [
      { suite: 'trixie', address: 'http://other.example' },
      { suite: 'bookworm-security', address: 'http://near.example/security' },
    ];
    expect(addresses(undefined, own)[2]).toBe('bookworm-security http://near.example/security');
    expect(addresses(undefined, own)[0]).toBe('bookworm http://deb.debian.org/debian');
  });

  test('the mirror that was named, whatever the host says', () => {
    expect(addresses('http://m.example/debian//', [debian])).toEqual([
      'bookworm http://m.example/debian',
      'bookworm-updates http://m.example/debian',
      'bookworm-security http://m.example/debian-security',
    ]);
  });
});
