import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findCandidates } from '../../../../build/base/debian/apt/candidates.ts';
import {
  parseDeb822,
  parseOneLine,
  readHostSources,
  type SourceEntry,
} from '../../../../build/base/debian/apt/sources.ts';
import { temporaryFolder } from '../../folder.ts';

const ADDRESS = 'http://deb.debian.org/debian';
const debian: SourceEntry = {
  addresses: [ADDRESS],
  suites: ['trixie'],
  components: ['main'],
  architectures: [],
  without: [],
  signedBy: undefined,
};

describe('in the one-line style', () => {
  test.each<[string, Partial<SourceEntry>]>([
    [`deb ${ADDRESS} trixie main`, {}],
    [`deb ${ADDRESS} trixie main contrib`, { components: ['main', 'contrib'] }],
    [`  deb\t${ADDRESS}\ttrixie\tmain # ours`, {}],
    [`deb [arch=amd64] ${ADDRESS} trixie main`, { architectures: ['amd64'] }],
    [`deb [arch-=i386] ${ADDRESS} trixie main`, { without: ['i386'] }],
    [
      `deb [ arch=amd64,i386 signed-by=/k.gpg ] ${ADDRESS} trixie main`,
      { architectures: ['amd64', 'i386'], signedBy: '/k.gpg' },
    ],
    ['deb file:///srv/mirror trixie main', { addresses: ['file:///srv/mirror'] }],
  ])('%j is a source', (line, more) => {
    expect(parseOneLine(`# ours\n\n${line}\n`)).toEqual([{ ...debian, ...more }]);
  });

  test.each([
    [`# deb ${ADDRESS} trixie main`],
    [`deb-src ${ADDRESS} trixie main`],
    [`deb ${ADDRESS} trixie`],
    [`deb ${ADDRESS}`],
    ['deb'],
    [`debian ${ADDRESS} trixie main`],
  ])('%j is skipped', (line) => {
    expect(parseOneLine(line)).toEqual([]);
  });
});

describe('in the deb822 style', () => {
  const stanza = (more = '') =>
    `Types: deb\nURIs: ${ADDRESS}\nSuites: trixie\nComponents: main\n${more}`;
  const parse = (text: string) => parseDeb822(text, 'x.sources');

  test('all addresses, suites and options of a stanza are read', () => {
    const text =
      `types: deb deb-src\nURIs: ${ADDRESS}\n https://m.example\n# a comment\n` +
      'Suites: trixie\n\ttrixie-updates\nComponents: main\nArchitectures: amd64 arm64\n' +
      'Architectures-Remove: i386\nSigned-By: /k.gpg\n';
    expect(parse(text)).toEqual([
      {
        addresses: [ADDRESS, 'https://m.example'],
        suites: ['trixie', 'trixie-updates'],
        components: ['main'],
        architectures: ['amd64', 'arm64'],
        without: ['i386'],
        signedBy: '/k.gpg',
      },
    ]);
  });

  test.each([['no'], ['No'], ['false'], ['off']])(
    'a stanza with Enabled: %s is skipped, and other stanzas are read',
    (word) => {
      expect(parse(stanza(`Enabled: ${word}\n`))).toEqual([]);
      expect(parse(`${stanza(`Enabled: ${word}\n`)}\n \n${stanza('Enabled: yes')}`)).toEqual([
        debian,
      ]);
    },
  );

  test.each([
    ['deb-src only', stanza().replace('Types: deb', 'Types: deb-src')],
    ['no address', stanza().replace(/URIs.*\n/, '')],
    ['a comment', stanza().replace('Types', '#Types')],
    ['nothing', ''],
  ])('a stanza with %s is skipped', (_, text) => {
    expect(parse(text)).toEqual([]);
  });

  test('a key in the stanza does not hide its other fields', () => {
    const key = 'Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n URIs: http://evil\n';
    expect(parse(key + stanza())).toMatchObject([{ addresses: [ADDRESS] }]);
  });
});

test('the host’s sources are read in apt’s order, and other files are ignored', async () => {
  const apt = await temporaryFolder();
  await mkdir(join(apt, 'sources.list.d'));
  const files = {
    'sources.list': 'deb http://one.example a main\n',
    'sources.list.d/b.list': 'deb http://three.example a main\n',
    'sources.list.d/a.sources':
      'Types: deb\nURIs: http://two.example\nSuites: a\nComponents: main\n',
    'sources.list.d/a.list.save': 'deb http://old.example a main\n',
    'sources.list.d/c.sources': 'deb http://deb.debian.org/debian a main\n',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(apt, name), text);
  const said: string[] = [];
  const say = (line: string) => said.push(line);
  expect(readHostSources(apt, say).flatMap(({ addresses }) => addresses)).toEqual([
    'http://one.example',
    'http://two.example',
    'http://three.example',
  ]);
  expect(said).toEqual([
    expect.stringMatching(/^sources of the host are ignored: not a field.*c\.sources\)$/),
  ]);
  expect(readHostSources(join(apt, 'nowhere'), say)).toEqual([]);
});

describe('a release is searched for', () => {
  const seek = (host: readonly SourceEntry[], mirror?: string) => {
    const said: string[] = [];
    const request = {
      release: 'trixie',
      components: ['main'],
      architecture: 'amd64',
      host,
      mirror,
    };
    const found = findCandidates({ ...request, say: (line) => said.push(line) });
    const addresses = (suite: string) => found.get(suite)?.map(({ address }) => address);
    return { addresses, suites: [...found.keys()], said };
  };
  const at = (address: string, more: Partial<SourceEntry> = {}) => ({
    ...debian,
    addresses: [address],
    ...more,
  });

  test('in Debian’s own archives if the host has no sources', () => {
    const { addresses, suites } = seek([]);
    expect(suites).toEqual(['trixie', 'trixie-updates', 'trixie-security']);
    expect(addresses('trixie')).toEqual([ADDRESS]);
    expect(addresses('trixie-updates')).toEqual([ADDRESS]);
    expect(addresses('trixie-security')).toEqual([`${ADDRESS}-security`]);
  });

  test('in the host’s sources, most likely ones first, before Debian’s own archives', () => {
    const { addresses } = seek([
      at('http://docker.example/linux', { signedBy: '/etc/apt/keyrings/docker.asc' }),
      at('http://azure.example/azure-cli/'),
      at('http://near.example/debian/'),
      at('http://ours.example/x', { signedBy: '/usr/share/keyrings/debian-archive-keyring.gpg' }),
    ]);
    expect(addresses('trixie')).toEqual([
      'http://ours.example/x',
      'http://near.example/debian',
      'http://azure.example/azure-cli',
      'http://docker.example/linux',
      ADDRESS,
    ]);
    expect(addresses('trixie-updates')).toEqual([ADDRESS]);
  });

  test.each<[string, Partial<SourceEntry>]>([
    ['another suite', { suites: ['bookworm'] }],
    ['another architecture', { architectures: ['arm64'] }],
    ['all architectures but this one', { without: ['amd64'] }],
    ['another component', { components: ['stable'] }],
  ])('not in a source that is for %s', (_, more) => {
    expect(seek([at('http://x.example', more)]).addresses('trixie')).toEqual([ADDRESS]);
  });

  test.each([
    'cdrom:[Debian 13]/',
    'mirror://m.example/list',
    'mirror+file:/nowhere/list',
    'tor+http://x.example',
  ])('not in %s, which is reported', (address) => {
    const { addresses, said } = seek([at(address)]);
    expect(addresses('trixie')).toEqual([ADDRESS]);
    expect(said).toEqual([expect.stringContaining(`apt source ${address} is ignored`)]);
  });

  test('in a folder of this host, however it is written', () => {
    for (const address of ['file:/srv/debian', 'copy:/srv/debian', 'file:///srv/debian']) {
      expect(seek([at(address)]).addresses('trixie')?.[0]).toBe('file:///srv/debian');
    }
  });

  test('only in the mirror, if one is given', () => {
    const { addresses } = seek([debian], 'http://m.example/debian//');
    expect(addresses('trixie')).toEqual(['http://m.example/debian']);
    expect(addresses('trixie-security')).toEqual(['http://m.example/debian-security']);
  });
});
