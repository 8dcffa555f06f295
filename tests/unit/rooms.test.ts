import { globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const PROJECT = resolve(import.meta.dirname, '../..');

/** Rooms, lowest first: the files of a room import only from this room and from those before it. */
const ROOMS = [
  'build/explained-error.ts',
  'build/error.ts',
  'build/architecture.ts',
  'build/bases.ts',
  'build/spelling.ts',
  'build/drawing',
  'build/process',
  'build/step',
  'build/tree',
  'build/openrc',
  'build/readback',
  'build/elf',
  'build/kmod',
  'build/audit',
  'build/disk',
  'build/secure-boot',
  'build/release',
  'build/profile',
  'build/contract',
  'build/cache',
  'build/remote-cache',
  'build/base',
  'build/lock',
  'build/host',
  'build/docker',
  'build/sbom',
  'build/advisories',
  'build/sea',
  'build/image',
  'build/comparison',
  'build/qemu',
  'profiles',
  'apps/version.ts',
  'apps/error.ts',
  'apps/proto',
  'apps/api',
  'apps/text',
  'apps/watch',
  'apps/process',
  'apps/files',
  'apps/log',
  'apps/disk',
  'apps/http',
  'apps/host',
  'apps/network',
  'apps/services',
  'apps/libvirt',
  'apps/guests',
  'apps/storage',
  'apps/support',
  'apps/agent/configuration',
  'apps/agent/client',
  'apps/agent/deployment',
  'apps/agent/membership/identity',
  'apps/agent/membership/connection',
  'apps/agent/membership',
  'apps/agent/vms',
  'apps/agent/pools',
  'apps/agent/commands',
  'apps/agent/server',
  'apps/agent',
  'apps/update',
  'apps/control-plane',
  'apps/console',
  'apps/installer',
  'apps/dispatch.ts',
  'apps/programs.ts',
  'apps/qx.ts',
  'tasks',
];

/** Returns a file's imports of values and types, as paths relative to the project. */
function imports(file: string): string[] {
  const text = readFileSync(join(PROJECT, file), 'utf8');
  const names = [...text.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
    (match) => match[1] ?? '',
  );
  return names.map((name) => (name.startsWith('.') ? join(dirname(file), name) : name));
}

function roomOf(path: string): number {
  return ROOMS.findIndex((room) => path === room || path.startsWith(`${room}/`));
}

const files = globSync('{build,tasks,profiles,apps}/**/*.ts', { cwd: PROJECT });

test('every source file belongs to a room', () => {
  expect(files.filter((file) => roomOf(file) < 0)).toEqual([]);
});

test('apps/README.md lists the rooms of apps, the highest first', () => {
  const text = readFileSync(join(PROJECT, 'apps/README.md'), 'utf8');
  const heads = text.split('\n').filter((line) => line.startsWith('- `'));
  const told = heads.flatMap((line) => {
    const names = line.slice(0, line.indexOf(':')).matchAll(/`([a-z-]+)\/`/g);
    return [...names].map(([, name]) => `apps/${name}`);
  });
  const rooms = ROOMS.filter((room) => /^apps\/[a-z-]+$/.test(room));
  expect(told).toEqual(rooms.toReversed());
});

test('rooms import downwards only', () => {
  const upwards = files.flatMap((file) =>
    imports(file)
      .filter((target) => roomOf(target) > roomOf(file))
      .map((target) => `${file} imports ${target}`),
  );
  expect(upwards).toEqual([]);
});

test('there are no circular imports, types included', () => {
  const graph = new Map(files.map((file) => [file, imports(file)]));
  expect(circles(graph)).toEqual([]);
});

/** Returns the import cycles, each as the path around it. */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const way: string[] = [];
  const found: string[] = [];
  const visit = (file: string) => {
    const start = way.indexOf(file);
    if (start >= 0) found.push([...way.slice(start), file].join(' → '));
    if (start >= 0 || done.has(file)) return;
    way.push(file);
    for (const target of graph.get(file) ?? []) visit(target);
    way.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return found;
}

test('build/ imports no library of the command line', () => {
  const drawing = files.filter(
    (file) =>
      file.startsWith('build/') && imports(file).some((name) => /^(listr2|yargs)/.test(name)),
  );
  expect(drawing).toEqual([]);
});

/** What the builder and the appliances share: formats of disks and of releases, as plain data in and out. */
const SHARED = ['build/explained-error.ts', 'build/disk/', 'build/release/'];

function isShared(path: string): boolean {
  return SHARED.some((room) => path.startsWith(room));
}

/** Names of the builder itself: its command, its variables, and its formats. */
const OF_BUILDER =
  /qx-build|QUANTIX_(?:CACHE|REMOTE_CACHE|QEMU_ACCEL)|vnd\.quantix\.|quantix\.internal|quantix-builder|Quantix appliance builder/g;
/** The file that names the folder of the cache, `quantix`. */
const OF_CACHE = 'build/cache/directory.ts';

test('no file of build/ contains a name of our appliances; only profiles have such names', () => {
  const named = files
    .filter((file) => file.startsWith('build/') && file !== OF_CACHE)
    .filter((file) => {
      const text = readFileSync(join(PROJECT, file), 'utf8').replaceAll(OF_BUILDER, '');
      return /quantix|qvdc|\bqx\b|\bqx[-_]/i.test(text);
    });
  expect(named).toEqual([]);
});

test.each(['initramfs', 'netboot', 'debian'])(
  'the overlay %s, which other appliances can use, contains no name of our appliances',
  (overlay) => {
    const texts = globSync(`overlay/${overlay}/**`, { cwd: PROJECT, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'));
    expect(texts.length).toBeGreaterThan(0);
    expect(texts.filter((text) => /quantix|qvdc|\bqx\b|\bqx[-_]/i.test(text))).toEqual([]);
  },
);

test('programs of the appliances import nothing of the builder except shared formats', () => {
  const builder = (name: string) => /^(build|tasks)\//.test(name) && !isShared(name);
  const apps = files.filter((file) => file.startsWith('apps/'));
  expect(apps.filter((file) => imports(file).some(builder))).toEqual([]);
});

test('shared formats import nothing else of the builder', () => {
  const upwards = files.filter(isShared).flatMap((file) =>
    imports(file)
      .filter((name) => /^(build|tasks|apps)\//.test(name) && !isShared(name))
      .map((name) => `${file} imports ${name}`),
  );
  expect(upwards).toEqual([]);
});
