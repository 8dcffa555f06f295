import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { resolveDebian } from '../../../../build/base/debian/resolve.ts';
import type { Resolution, ResolveRequest } from '../../../../build/contract/base.ts';
import { withAdditions } from '../../../../build/profile/additions.ts';
import { findSettings } from '../../../../build/profile/profile.ts';
import { serve } from '../../cache/room.ts';
import { temporaryFolder } from '../../folder.ts';
import { shippedProfile } from '../../profile/profiles.ts';
import { makeKey, PACKAGES, type SigningKey, writeArchive, writeSuite } from './archive.ts';

const DAY = 24 * 3_600_000;
const release = findSettings(await shippedProfile(), 'debian').suite;

let key: SigningKey;
let folder: string;
let mirror: string;

beforeAll(async () => {
  key = await makeKey();
  return () => key[Symbol.asyncDispose]();
});

/** Makes a host without its own sources, whose apt trusts `key`, and writes an archive. */
async function place(options: Parameters<typeof writeArchive>[2] = { key }): Promise<void> {
  folder = await temporaryFolder();
  mirror = await writeArchive(folder, release, options);
}

interface Circumstances extends Partial<ResolveRequest> {
  now?: Date;
  keyring?: string;
  without?: string[];
  packages?: string[];
  /** Names that the build adds. */
  added?: string[];
}

/** Resolves `bash` and two kernels from the archive; its messages are in `said`. */
async function resolve({
  now = new Date(),
  keyring = key.keyring,
  without = [],
  packages = ['bash'],
  added = [],
  ...request
}: Circumstances = {}): Promise<Resolution & { said: string[] }> {
  const shipped = await shippedProfile();
  Object.assign(findSettings(shipped, 'debian'), {
    packages,
    kernel: { virt: 'linux-cloud', full: 'linux' },
    without: Object.fromEntries(without.map((name) => [name, 'not needed here'])),
  });
  const profile = withAdditions(shipped, 'debian', { packages: added, cmdline: [] });
  const said: string[] = [];
  const asked: ResolveRequest = {
    profile,
    mirror,
    cacheDirectory: join(folder, 'cache'),
    say: (line) => said.push(line),
    ...request,
  };
  const host = { directory: join(folder, 'host-apt'), keyring, now };
  return { ...(await resolveDebian(asked, host)), said };
}

const names = ({ packages }: Resolution) => packages.map(({ name }) => name);
const ALL = ['libc6', 'bash', 'linux-cloud', 'linux'];

/** Replaces apt's programs by scripts, which call the real ones at their end. */
async function wrapApt(before: string): Promise<void> {
  const programs = await temporaryFolder();
  for (const name of ['apt-get', 'apt-cache', 'apt-config']) {
    const file = join(programs, name);
    await writeFile(file, `#!/bin/sh\n${before.replaceAll('PROGRAM', `/usr/bin/${name}`)} "$@"\n`);
    await chmod(file, 0o755);
  }
  vi.stubEnv('PATH', `${programs}${delimiter}${process.env.PATH}`);
  onTestFinished(() => void vi.unstubAllEnvs());
}

/** Sets the configuration of the host's apt. The builder runs apt with its own configuration, through `APT_CONFIG`. */
async function configureHost(lines: readonly string[]): Promise<void> {
  const file = join(await temporaryFolder(), 'hostile.conf');
  await writeFile(file, lines.join('\n'));
  await wrapApt(`: "\${APT_CONFIG:=${file}}"; export APT_CONFIG; exec PROGRAM`);
}

describe('whatever the host’s apt is configured with,', () => {
  const CARELESS = [
    'Acquire::AllowInsecureRepositories "true";',
    'Acquire::AllowWeakRepositories "true";',
    'Acquire::AllowDowngradeToInsecureRepositories "true";',
    'APT::Get::AllowUnauthenticated "true";',
    'Acquire::Check-Valid-Until "false";',
  ];

  test('an unsigned archive is refused', async () => {
    await place({});
    await configureHost(CARELESS);
    await expect(resolve()).rejects.toThrow('it is not signed with one of Debian’s keys');
  });

  test('an archive that lost its signature is refused', async () => {
    await place();
    await resolve();
    await configureHost(CARELESS);
    const evil = { ...PACKAGES, bash: { Version: '9' } };
    await writeArchive(join(folder, 'evil'), release, { packages: evil });
    const stripped = pathToFileURL(join(folder, 'evil/debian')).href;
    await expect(resolve({ mirror: stripped })).rejects.toThrow('not signed');
  });

  test('an archive signed with another key is refused', async () => {
    await using other = await makeKey();
    await place({ key: other });
    await configureHost(CARELESS);
    await expect(resolve()).rejects.toThrow('it is not signed with one of Debian’s keys (file:');
  });

  test('an expired index is refused, unless outdated indexes are accepted', async () => {
    await place({
      key,
      date: new Date(Date.now() - 9 * DAY),
      validUntil: new Date(Date.now() - DAY),
    });
    await configureHost(CARELESS);
    await expect(resolve()).rejects.toThrow(
      new RegExp(`^the index of ${release} was valid until .* clock says .*--update\\.$`),
    );
    expect(names(await resolve({ acceptOutdated: true }))).toEqual(ALL);
  });

  test('the host’s releases, pins, architectures, recommendations and hooks are ignored', async () => {
    await place();
    await writeSuite(join(folder, 'debian'), `${release}-updates`, {
      key,
      packages: { bash: { Version: '5.2.1', Depends: 'libc6' } },
    });
    const hook = join(folder, 'hook-ran');
    await writeFile(join(folder, 'pins'), 'Package: bash\nPin: version 5.2\nPin-Priority: 1001\n');
    await configureHost([
      'APT::Default-Release "stable";',
      `Dir::Etc::preferences "${folder}/pins";`,
      'APT::Architecture "riscv64";',
      'APT::Install-Recommends "true";',
      'Acquire::GzipIndexes "true";',
      `APT::Update::Pre-Invoke { "touch ${hook}"; };`,
      `APT::Update::Post-Invoke-Success { "touch ${hook}"; };`,
      'APT::Solver "nothing";',
    ]);
    const { packages } = await resolve();
    expect(packages.map(({ name, version }) => `${name} ${version}`)).toEqual([
      'libc6 2.36',
      'bash 5.2.1',
      'linux-cloud 6.1',
      'linux 6.1',
    ]);
    expect(existsSync(hook)).toBe(false);
  });

  test('of the host’s configuration only the files with log-ins are opened', async () => {
    await place();
    const trace = join(folder, 'trace');
    await wrapApt(
      `case PROGRAM in *config) exec PROGRAM "$@" ;; esac; exec strace -f -A -e trace=open,openat -o '${trace}' PROGRAM`,
    );
    await resolve();
    const opened = [...(await readFile(trace, 'utf8')).matchAll(/"(\/etc\/apt[^"]*)"/g)];
    expect(opened.map(([, path]) => path).filter((path) => !path?.includes('/auth.conf'))).toEqual(
      [],
    );
    expect(await readFile(trace, 'utf8')).toContain('/apt.conf"');
  });
});

describe('of the host’s sources', () => {
  async function giveSource(name: string, text: string): Promise<void> {
    const parts = join(folder, 'host-apt/sources.list.d');
    await mkdir(parts, { recursive: true });
    await writeFile(join(parts, name), text);
  }
  const suites = `${release} ${release}-updates`;
  const stanza = (address: string, some = suites) =>
    `Types: deb\nURIs: ${address}\nSuites: ${some}\nComponents: main\n`;

  /** Makes the archive the source of all suites, in a file that apt reads after all others. */
  async function useArchive(): Promise<void> {
    const security = `${mirror}-security`;
    await giveSource('zz.sources', `${stanza(mirror)}\n${stanza(security, `${release}-security`)}`);
  }

  test('a source with the suite’s name but another signing key is not used', async () => {
    await place();
    await useArchive();
    await using unknown = await makeKey();
    const other = await writeArchive(join(folder, 'azure'), release, { key: unknown });
    await giveSource('azure.list', `deb ${other}/ ${release} main\n`);
    const { packages, said } = await resolve({ mirror: undefined });
    expect(packages.map(({ name }) => name)).toEqual(ALL);
    expect(said).toEqual([
      `${release} comes from ${mirror}: ${other} has no index that Debian signed`,
    ]);
  });

  test('a source of another origin is not used, and reported if it comes first', async () => {
    await place();
    await useArchive();
    const odd = { key, origin: 'Ceph', packages: { ceph: { Version: '1' } } };
    const other = await writeArchive(join(folder, 'ceph'), release, odd);
    await giveSource('a.list', `deb ${other} ${release} main\n`);
    const { packages, said } = await resolve({ mirror: undefined });
    expect(packages.map(({ name }) => name)).toEqual(ALL);
    expect(said).toEqual([`${release} comes from ${mirror}: ${other} is not Debian’s`]);
  });

  test('the sources in a list of mirrors are used', async () => {
    await place();
    await useArchive();
    const list = join(folder, 'mirrors.list');
    await writeFile(list, `# near\nfile:${folder}/nowhere\tpriority:2\n${mirror}\tpriority:1\n`);
    await giveSource('zz.sources', stanza(`mirror+file:${list}`));
    await giveSource('zzz.list', `deb ${mirror}-security ${release}-security main\n`);
    expect(names(await resolve({ mirror: undefined }))).toEqual(ALL);
  });
});

describe('two resolutions at once', () => {
  test('get the same locks as one after the other', async () => {
    await place();
    const asked = [{}, { without: ['libc6'] }, {}, { without: ['libc6'] }];
    const locks = await Promise.all(asked.map((one) => resolve(one)));
    const rest = ALL.filter((name) => name !== 'libc6');
    expect(locks.map(names)).toEqual([ALL, rest, ALL, rest]);
  });
});

describe('with a wrong clock', () => {
  const setClock = (date: string) =>
    wrapApt(`case PROGRAM in *config) exec PROGRAM "$@" ;; esac; exec faketime '${date}' PROGRAM`);

  test('in 1970 the lock is the same, and a line for each index says that it may be outdated', async () => {
    await place({ key, validUntil: new Date(Date.now() + DAY) });
    const right = await resolve();
    await setClock('1970-01-02 00:00:00');
    const { said, ...wrong } = await resolve({ now: new Date('1970-01-02T00:00:00Z') });
    expect(said).toHaveLength(3);
    expect(said[0]).toMatch(/^this machine's clock says 1970-01-02 00:00, before the index of/);
    expect({ ...wrong, said: [] }).toEqual(right);
  });

  test('in 2100 an expired key is reported together with the time of the clock', async () => {
    await using expiring = await makeKey({ expires: '2y' });
    await place({ key: expiring });
    await setClock('2100-01-01 00:00:00');
    const now = new Date('2100-01-01T00:00:00Z');
    await expect(resolve({ keyring: expiring.keyring, now })).rejects.toThrow(
      /the key that signed it has expired, if this machine’s clock is right \(2100-01-01\).*Set the clock/,
    );
  });
});

describe('the date of an index', () => {
  test('must not be before the date in the lock, unless outdated indexes are accepted', async () => {
    await place({ key, date: new Date('2026-03-01T00:00:00Z') });
    const { repositories } = await resolve();
    const older = join(folder, 'older');
    const replayed = await writeArchive(older, release, { key, date: new Date('2026-02-01') });
    const request = { mirror: replayed, notOlderThan: repositories };
    await expect(resolve(request)).rejects.toThrow(
      `the index of ${release} is older than the one in the lock: 2026-02-01 00:00 instead of 2026-03-01`,
    );
    const accepted = await resolve({ mirror: replayed, acceptOutdated: true });
    expect(accepted.sourceDateEpoch).toBe(Date.parse('2026-02-01') / 1000);
  });

  test('of a mirror that returned to an older index is accepted on request', async () => {
    await place({ key, date: new Date('2026-03-01T00:00:00Z') });
    await resolve();
    await writeArchive(folder, release, { key, date: new Date('2026-02-01') });
    const accepted = await resolve({ acceptOutdated: true });
    expect(accepted.sourceDateEpoch).toBe(Date.parse('2026-02-01') / 1000);
  });

  test('is read from Release if the signature is a separate file', async () => {
    await place({ key, detached: true, date: new Date('2026-03-01T00:00:00Z') });
    const { sourceDateEpoch, repositories } = await resolve();
    expect(sourceDateEpoch).toBe(Date.parse('2026-03-01') / 1000);
    expect(Object.keys(repositories)).toEqual([
      release,
      `${release}-updates`,
      `${release}-security`,
    ]);
  });
});

describe('a failure is reported with its cause:', () => {
  test.each([
    [401, '', 'the mirror requires authentication (401) (http://127.0.0.1:'],
    [407, '', 'the proxy requires authentication (407) (http://'],
    [200, '<html>Welcome to the hotel</html>', 'the answer is not a package index (http'],
  ])('an answer of %i %s', async (status, body, message) => {
    await place();
    const { url } = await serve((_, response) => response.writeHead(status).end(body));
    await expect(resolve({ mirror: `${url}/debian` })).rejects.toThrow(
      `the package indexes cannot be fetched: ${message}`,
    );
  });

  test('an unknown package name of any letters', async () => {
    await place();
    for (const [name, hint] of [
      ['R', 'Check the spelling.'],
      ['libc', 'Did you mean libc6?'],
    ]) {
      await expect(resolve({ packages: ['bash', `${name}`] })).rejects.toThrow(
        `no package is called ${name} (bases.debian.packages). ${hint}`,
      );
    }
  });

  test('an unknown package name of --package, as an error of the command line', async () => {
    await place();
    await expect(resolve({ packages: ['bash'], added: ['libc'] })).rejects.toThrow(
      'no package is called libc (--package). Did you mean libc6?',
    );
  });

  test('packages that conflict', async () => {
    const conflicting = { exim: { Version: '4', Conflicts: 'postfix' }, postfix: { Version: '3' } };
    await place({ key, packages: { ...PACKAGES, ...conflicting } });
    await expect(resolve({ packages: ['bash', 'exim', 'postfix'] })).rejects.toThrow(
      'the packages cannot be installed together: exim : Conflicts: postfix but 3 is to be installed (bases.debian.packages)',
    );
  });

  test('a dependency that no package satisfies', async () => {
    await place({
      key,
      packages: { ...PACKAGES, bash: { Version: '5', Depends: 'nothing (>= 2)' } },
    });
    await expect(resolve()).rejects.toThrow(
      'the packages cannot be installed together: bash : Depends: nothing (>= 2) but it is not installable',
    );
  });
});

test('the lock records which packages replace which, considering versions', async () => {
  const bash = {
    Version: '5',
    Depends: 'libc6',
    Replaces: 'libc6 (<< 2.36), linux (<= 6.1), other',
  };
  await place({ key, packages: { ...PACKAGES, bash } });
  const { packages } = await resolve();
  expect(packages.map(({ replaces }) => replaces)).toEqual([
    undefined,
    ['linux'],
    undefined,
    undefined,
  ]);
});

test('the path of the cache may have any characters', async () => {
  await place();
  const cacheDirectory = join(folder, `a:b"c*d %7E~{e};'f$(g) ü#h//i,[j]`);
  expect(names(await resolve({ cacheDirectory }))).toEqual(ALL);
});

test('the address of the mirror may have percent signs', async () => {
  await place();
  const address = await writeArchive(join(folder, '~user'), release, { key });
  for (const written of [address.replace('~', '%7E'), address.replace('%7E', '~')]) {
    expect(names(await resolve({ mirror: written }))).toEqual(ALL);
  }
});

test('the host’s proxy is used, even if it is written as host and port, or only apt’s configuration names it', async () => {
  await place();
  const proxy = await serve((_, response) => response.writeHead(407).end());
  const through = { mirror: 'http://mirror.invalid/debian' };
  vi.stubEnv('http_proxy', proxy.url.replace('http://', ''));
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(resolve(through)).rejects.toThrow('the proxy requires authentication');
  vi.unstubAllEnvs();
  const before = proxy.asked.length;
  await configureHost([`Acquire::http::Proxy "${proxy.url}";`]);
  await expect(resolve(through)).rejects.toThrow('the proxy requires authentication');
  expect(proxy.asked.length).toBeGreaterThan(before);
});
