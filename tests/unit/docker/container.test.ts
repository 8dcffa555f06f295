import { expect, test } from 'vitest';
import {
  type HostFacts,
  listWritableFolders,
  makeContainerArguments,
} from '../../../build/docker/container.ts';

const HOST: HostFacts = {
  project: '/home/me/quantix',
  folder: '/home/me/quantix',
  nodeModules: '/home/me/quantix/node_modules',
  cache: '/home/me/.cache/quantix',
  user: { uid: 1000, gid: 100 },
  rootless: false,
  terminal: false,
  environment: {},
  exists: () => false,
};

/** Arguments for a command on a host that differs from `HOST` in these facts. */
function argumentsOn(
  host: Partial<HostFacts>,
  { line = ['iso'], reads = [], writes = [] }: Partial<Command> = {},
  flags: string[] = [],
) {
  const command = { line, paths: { reads, writes } };
  const request = { image: 'quantix-builder:abc', name: 'quantix-build-1', command, flags };
  return makeContainerArguments(request, { ...HOST, ...host });
}

interface Command {
  line: string[];
  reads: string[];
  writes: string[];
}

const mounts = (args: readonly string[]) => args.filter((one) => one.startsWith('--mount='));

test('a command runs as the calling user, without privileges, and finds project and cache at the paths of the host', () => {
  expect(argumentsOn({}, { line: ['iso', '--profile', 'qvdc'] })).toEqual([
    'run',
    '--rm',
    '--init',
    '--name=quantix-build-1',
    '--user=1000:100',
    '--cap-drop=ALL',
    '--security-opt=no-new-privileges',
    '--read-only',
    '--tmpfs=/tmp',
    '--mount=type=bind,source=/home/me/quantix,target=/home/me/quantix',
    '--mount=type=bind,source=/home/me/.cache/quantix,target=/home/me/.cache/quantix',
    '--workdir=/home/me/quantix',
    '--env=QUANTIX_CACHE=/home/me/.cache/quantix',
    '--env=HOME=/tmp',
    'quantix-builder:abc',
    '/home/me/quantix/node_modules/.bin/node',
    '/home/me/quantix/tasks/qx-build.ts',
    'iso',
    '--profile',
    'qvdc',
  ]);
});

test('no container is privileged, whoever calls', () => {
  const callers = [{}, { user: { uid: 0, gid: 0 } }, { rootless: true }, { terminal: true }];
  for (const args of callers.map((host) => argumentsOn(host))) {
    expect(args).toContain('--cap-drop=ALL');
    expect(args.join(' ')).not.toMatch(/--privileged|SYS_ADMIN/);
  }
});

test('root can write into a project of another user, as it can on the host, and has no other right', () => {
  const args = argumentsOn({ user: { uid: 0, gid: 0 } });
  expect(args.filter((one) => one.startsWith('--cap-add'))).toEqual(['--cap-add=DAC_OVERRIDE']);
});

test("under a daemon without root the container's root is the calling user", () => {
  expect(argumentsOn({ rootless: true })).toContain('--user=0:0');
});

test('the terminal of the caller is passed to the container', () => {
  expect(argumentsOn({ terminal: true })).toEqual(
    expect.arrayContaining(['--interactive', '--tty']),
  );
});

test('further flags come after ours, before the image', () => {
  const args = argumentsOn({}, {}, ['--network=host', '--memory=4g']);
  expect(args.slice(args.indexOf('--network=host'))).toEqual([
    '--network=host',
    '--memory=4g',
    'quantix-builder:abc',
    '/home/me/quantix/node_modules/.bin/node',
    '/home/me/quantix/tasks/qx-build.ts',
    'iso',
  ]);
});

test("apt's settings and the certificate authorities of the host can be read in the container", () => {
  const args = argumentsOn({
    environment: { NODE_EXTRA_CA_CERTS: '/etc/company.pem' },
    exists: () => true,
  });
  expect(mounts(args).slice(2)).toEqual([
    '--mount=type=bind,source=/etc/apt,target=/etc/apt,readonly',
    '--mount=type=bind,source=/etc/ssl/certs/ca-certificates.crt,target=/etc/ssl/certs/ca-certificates.crt,readonly',
    '--mount=type=bind,source=/etc/company.pem,target=/etc/company.pem,readonly',
  ]);
  expect(args).toContain('--env=NODE_EXTRA_CA_CERTS');
});

test('certificate authorities that two settings name are mounted once', () => {
  const bundle = '/etc/ssl/certs/ca-certificates.crt';
  const args = argumentsOn({
    environment: { NODE_EXTRA_CA_CERTS: bundle },
    exists: (path) => path === bundle,
  });
  expect(mounts(args)).toHaveLength(3);
});

test('variables are passed on by name, and only those that a command reads', () => {
  const environment = { http_proxy: 'http://me:secret@proxy', CI: '1', TERM: '', TOKEN: 'secret' };
  const args = argumentsOn({ environment });
  expect(args).toEqual(expect.arrayContaining(['--env=http_proxy', '--env=CI']));
  expect(args.join(' ')).not.toMatch(/secret|TOKEN|TERM/);
});

test('the remote cache is available in the container: its settings are passed by name, its keys are mounted read-only', () => {
  const args = argumentsOn({
    environment: {
      QUANTIX_REMOTE_CACHE: 'https://me:secret@cache/',
      QUANTIX_REMOTE_CACHE_KEYS: '/srv/keys',
    },
    exists: (path) => path === '/srv/keys',
  });
  expect(args).toEqual(
    expect.arrayContaining(['--env=QUANTIX_REMOTE_CACHE', '--env=QUANTIX_REMOTE_CACHE_KEYS']),
  );
  expect(mounts(args)).toContain('--mount=type=bind,source=/srv/keys,target=/srv/keys,readonly');
  expect(args.join(' ')).not.toContain('secret');
});

test.each([
  [{ HOME: '/home/me' }, '/home/me/.netrc'],
  [{ HOME: '/home/me', NETRC: '/run/secrets/netrc' }, '/run/secrets/netrc'],
])('the login to a remote cache works in the container as on the host: %j', (variables, file) => {
  const exists = (path: string) => path === file;
  const QUANTIX_REMOTE_CACHE = 'https://cache/';
  const args = argumentsOn({ environment: { ...variables, QUANTIX_REMOTE_CACHE }, exists });
  expect(args).toContain(`--env=NETRC=${file}`);
  expect(mounts(args)).toContain(`--mount=type=bind,source=${file},target=${file},readonly`);
  expect(argumentsOn({ environment: variables, exists }).join(' ')).not.toContain('netrc');
});

test('a node_modules that is a link is mounted read-only', () => {
  expect(mounts(argumentsOn({ nodeModules: '/srv/modules' }))).toContain(
    '--mount=type=bind,source=/srv/modules,target=/srv/modules,readonly',
  );
});

test('a path with a comma or a quote is one field of the mount', () => {
  expect(mounts(argumentsOn({ cache: '/srv/a,"b"' }))[1]).toBe(
    '--mount=type=bind,"source=/srv/a,""b""","target=/srv/a,""b"""',
  );
});

test('an output folder outside the project is mounted, however its path is written', () => {
  const folders = (...writes: string[]) => listWritableFolders(HOST, writes);
  const usual = [HOST.project, HOST.cache];
  expect(folders()).toEqual(usual);
  expect(folders('elsewhere')).toEqual(usual);
  expect(folders('/srv/isos')).toEqual([...usual, '/srv/isos']);
  expect(folders('../isos')).toEqual([...usual, '/home/me/isos']);
});

test('if the cache is in the project, or the project in the cache, they share one mount', () => {
  const cacheAt = (cache: string) => listWritableFolders({ ...HOST, cache }, []);
  expect(cacheAt('/home/me/quantix/.cache')).toEqual(['/home/me/quantix']);
  expect(cacheAt('/home/me')).toEqual(['/home/me']);
  expect(cacheAt('/home/me/quantix-cache')).toEqual(['/home/me/quantix', '/home/me/quantix-cache']);
});

test('files outside project and cache that a command reads are mounted read-only', () => {
  const all = { exists: () => true };
  const mount = (path: string) => `--mount=type=bind,source=${path},target=${path},readonly`;
  const reads = ['/media/stick', '/media/stick/keys', '../site.rsa', 'keys', `${HOST.cache}/x`];
  const named = mounts(argumentsOn(all, { reads })).slice(4);
  expect(named).toEqual([mount('/media/stick'), mount('/home/me/site.rsa')]);
});

test('a command that is called from another folder runs there, and finds the files that it names', () => {
  const host = { folder: '/home/me/appliance', exists: () => true };
  const mount = (path: string) => `--mount=type=bind,source=${path},target=${path}`;
  const built = argumentsOn(host, { reads: ['.', '../keys'], writes: ['dist'] });
  expect(built).toContain('--workdir=/home/me/appliance');
  expect(mounts(built)).toEqual(
    expect.arrayContaining([
      mount('/home/me/appliance/dist'),
      `${mount('/home/me/keys')},readonly`,
    ]),
  );
  const locked = argumentsOn(host, { reads: ['.'], writes: ['.'] });
  expect(mounts(locked).filter((one) => one.includes('appliance'))).toEqual([
    mount('/home/me/appliance'),
  ]);
});
