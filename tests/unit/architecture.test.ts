import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { ARCHITECTURES } from '../../build/architecture.ts';

const PROJECT = resolve(import.meta.dirname, '../..');

/** Other programs’ names of architectures that occur in no other words. `arm64` is left out: the builder uses it, too. */
const names = Object.values(ARCHITECTURES)
  .flatMap(({ debian, triplet, uefi, qemu }) => [
    debian,
    triplet,
    uefi.grub,
    uefi.loader,
    ...Object.values(uefi.signed),
    qemu.program,
  ])
  .filter((name) => name !== 'arm64');

test('other programs’ names of architectures are in one file of the builder only', () => {
  const files = globSync('{build,tasks}/**/*.ts', { cwd: PROJECT });
  const elsewhere = files
    .filter((file) => file !== 'build/architecture.ts')
    .flatMap((file) => {
      const text = readFileSync(join(PROJECT, file), 'utf8');
      return ['x86_64', ...names]
        .filter((name) => text.includes(name))
        .map((name) => `${file}: ${name}`);
    });
  expect(elsewhere).toEqual([]);
});
