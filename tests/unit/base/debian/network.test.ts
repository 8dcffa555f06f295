import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { deriveAptNetwork, parseSettings } from '../../../../build/base/debian/apt/network.ts';
import { BlobStore } from '../../../../build/cache/blob-store.ts';
import { cacheRooms } from '../../../../build/cache/directory.ts';
import { fetchAll } from '../../../../build/cache/fetch.ts';
import { addLogIn, parseLogIns, readLogIns } from '../../../../build/cache/log-ins.ts';
import { sample, serve } from '../../cache/room.ts';
import { temporaryFolder } from '../../folder.ts';

describe('the log-in for an address', () => {
  const text = `# ours
machine example.org login apt password debian
machine http://plain.example:8080/debian
  login me
  password a:b/c@d
machine https://deep.example/one/ login one password 1
machine deep.example login other password 2
default login anybody password 3`;
  const logIns = parseLogIns(text);

  test.each([
    ['https://example.org/debian', 'https://apt:debian@example.org/debian'],
    ['https://example.org:444/x', 'https://apt:debian@example.org:444/x'],
    ['http://example.org/debian', 'http://example.org/debian'],
    ['https://example.orga/debian', 'https://example.orga/debian'],
    ['http://plain.example:8080/debian', 'http://me:a%3Ab%2Fc%40d@plain.example:8080/debian'],
    ['http://plain.example/debian', 'http://plain.example/debian'],
    ['http://plain.example:8080/ubuntu', 'http://plain.example:8080/ubuntu'],
    ['https://deep.example/one', 'https://one:1@deep.example/one'],
    ['https://deep.example/two', 'https://other:2@deep.example/two'],
    ['https://own:name@example.org/x', 'https://own:name@example.org/x'],
    ['file:///srv/debian', 'file:///srv/debian'],
  ])('%s is %s', (address, expected) => {
    expect(addLogIn(address, logIns)).toBe(expected);
  });

  test('is read from the file, then from the files *.conf of the folder', async () => {
    const folder = await temporaryFolder();
    const machine = (name: string) => `machine ${name} login x password y\n`;
    await writeFile(join(folder, 'first.netrc'), machine('first'));
    await writeFile(join(folder, 'b.conf'), machine('third'));
    await writeFile(join(folder, 'a.conf'), machine('second'));
    await writeFile(join(folder, 'c.save'), machine('old'));
    const found = readLogIns(join(folder, 'first.netrc'), folder).map((one) => one.machine);
    expect(found).toEqual(['first', 'second', 'third']);
    expect(readLogIns(join(folder, 'none'), join(folder, 'nowhere'))).toEqual([]);
  });
});

describe('the proxy of an address', () => {
  const network = (dump: string, environment: Record<string, string> = {}) =>
    deriveAptNetwork({
      settings: parseSettings(dump),
      addresses: ['http://near.example/debian', 'https://far.example/debian', 'file:///srv'],
      environment,
      logIns: {
        file: '/a',
        folder: '/b',
        entries: parseLogIns('machine http://p:1 login u password w'),
      },
    });
  const proxies = (dump: string, environment?: Record<string, string>) => {
    const { findRoute } = network(dump, environment);
    return ['http://near.example/x', 'https://far.example/x'].map(
      (address) => findRoute(new URL(address)).proxy,
    );
  };

  test('is that of apt’s configuration, also for https, else that of the environment', () => {
    expect(proxies('Acquire::http::Proxy=http://q:1', { http_proxy: 'http://e:1' })).toEqual([
      'http://q:1',
      'http://q:1',
    ]);
    expect(proxies('', { http_proxy: 'e:1', HTTPS_PROXY: 'http://s:1' })).toEqual([
      'http://e:1',
      'http://s:1',
    ]);
    expect(proxies('')).toEqual([undefined, undefined]);
  });

  test('can be different, or missing, for one host', () => {
    const dump =
      'Acquire::http::Proxy=http://q:1\nAcquire::http::Proxy::near.example=DIRECT\nAcquire::https::Proxy::far.example=http://r:1';
    expect(proxies(dump)).toEqual([undefined, 'http://r:1']);
  });

  test('is not used for hosts in no_proxy, wherever the proxy is configured', () => {
    const dump = 'Acquire::http::Proxy=http://q:1';
    expect(proxies(dump, { no_proxy: 'localhost, .example' })).toEqual([undefined, undefined]);
    expect(proxies(dump, { no_proxy: 'near.example:8080,example.com' })).toEqual([
      'http://q:1',
      'http://q:1',
    ]);
    expect(proxies(dump, { NO_PROXY: '*' })).toEqual([undefined, undefined]);
  });

  test('has the name and the password of apt’s log-in for it', () => {
    expect(proxies('Acquire::http::Proxy=http://p:1')[0]).toBe('http://u:w@p:1');
  });

  test('is passed to our apt, with certificates and log-ins, and nothing else', () => {
    const { settings } = network(
      'Acquire::http::Proxy=http://q:1\nAcquire::https::CAInfo=/ca.pem\nAcquire::https::Verify-Peer=false\nAPT::Default-Release=stable',
      { no_proxy: 'far.example' },
    );
    expect(Object.fromEntries(settings)).toEqual({
      'acquire::http::proxy': 'http://q:1',
      'acquire::https::proxy': 'http://q:1',
      'acquire::http::proxy::near.example': 'http://q:1',
      'acquire::https::proxy::far.example': 'DIRECT',
      'acquire::https::cainfo': '/ca.pem',
      'dir::etc::netrc': '/a',
      'dir::etc::netrcparts': '/b',
    });
  });
});

test('packages are downloaded with the log-in of apt, through the proxy of apt', async () => {
  const { item, content } = sample([]);
  const seen: (string | undefined)[] = [];
  const proxy = await serve((request, response) => {
    seen.push(request.headers.authorization);
    response.end(content);
  });
  const { findRoute, addLogIn: add } = deriveAptNetwork({
    settings: parseSettings(`Acquire::http::Proxy=${proxy.url}`),
    addresses: [],
    environment: {},
    logIns: {
      file: '/a',
      folder: '/b',
      entries: parseLogIns('machine http://mirror.invalid login apt password debian'),
    },
  });
  const store = new BlobStore(cacheRooms(await temporaryFolder()));
  const urls = [`${add('http://mirror.invalid/debian')}/pool/a.deb`];
  expect((await fetchAll([{ ...item, urls }], { store, findRoute })).fetched).toBe(1);
  expect(seen).toEqual([`Basic ${Buffer.from('apt:debian').toString('base64')}`]);
  expect(proxy.asked).toEqual(['http://mirror.invalid/debian/pool/a.deb']);
});
