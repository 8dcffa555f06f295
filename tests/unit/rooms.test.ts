import { globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const PROJECT = resolve(import.meta.dirname, '../..');

/** Rooms, lowest first: a room imports from itself and from those before it only. */
const ROOMS = [
  'build/error.ts',
  'build/architecture.ts',
  'build/bases.ts',
  'build/spelling.ts',
  'build/process',
  'build/step',
  'build/tree',
  'build/openrc',
  'build/readback',
  'build/elf',
  'build/kmod',
  'build/audit',
  'build/profile',
  'build/contract',
  'build/cache',
  'build/base',
  'build/lock',
  'build/host',
  'build/docker',
  'build/sbom',
  'build/sea',
  'build/image',
  'build/qemu',
  'profiles',
  'tasks',
  'apps/version.ts',
  'apps/error.ts',
  'apps/proto',
  'apps/api',
  'apps/watch',
  'apps/process',
  'apps/log',
  'apps/http',
  'apps/host',
  'apps/network',
  'apps/services',
  'apps/libvirt',
  'apps/guests',
  'apps/storage',
  'apps/control-plane',
  'apps/agent',
  'apps/console',
  'apps/dispatch.ts',
  'apps/programs.ts',
  'apps/qx.ts',
];

/** Imports of values and of types, of each file, as paths relative to the project. */
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

test('every file is in a room', () => {
  expect(files.filter((file) => roomOf(file) < 0)).toEqual([]);
});

test('rooms import downwards only', () => {
  const upwards = files.flatMap((file) =>
    imports(file)
      .filter((target) => roomOf(target) > roomOf(file))
      .map((target) => `${file} imports ${target}`),
  );
  expect(upwards).toEqual([]);
});

test('the library knows nothing of the command line and its drawings', () => {
  const drawing = files.filter(
    (file) =>
      file.startsWith('build/') && imports(file).some((name) => /^(listr2|yargs)/.test(name)),
  );
  expect(drawing).toEqual([]);
});

test('what runs on the appliances knows nothing of the builder', () => {
  const apps = files.filter((file) => file.startsWith('apps/'));
  expect(
    apps.filter((file) => imports(file).some((name) => /^(build|tasks)\//.test(name))),
  ).toEqual([]);
});
