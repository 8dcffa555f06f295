import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { ARCHITECTURE_NAMES, ARCHITECTURES, canRunHere } from '../../../build/architecture.ts';
import type { OpenedPackage } from '../../../build/contract/base.ts';
import { must } from '../../../build/error.ts';
import { checkExecutable } from '../../../build/sea/check.ts';
import { compileExecutable } from '../../../build/sea/compile.ts';
import { layOutNode } from '../../../build/sea/own-node.ts';
import { locateToolchainNode } from '../../../build/sea/runtime.ts';
import type { Entry } from '../../../build/tree/entry.ts';
import { elfFile } from '../elf/elf-file.ts';
import { temporaryFolder } from '../folder.ts';
import { locked } from '../lock/locks.ts';
import { PROJECT } from '../profile/profiles.ts';
import { file, program, symlink } from '../tree/trees.ts';
import { smallNode } from './small-node.ts';

const opened = (name: string, entries: readonly Entry[]): OpenedPackage => ({
  locked: locked(name),
  entries,
});
const node = opened('nodejs', [program('usr/bin/node', smallNode())]);
const musl = opened('musl', [program('lib/ld-musl-x86_64.so.1', 'loader')]);
const library = (name: string, needed: string[] = []) =>
  file(`usr/lib/${name}`, elfFile({ needed, soname: name }));

test('a Node is unpacked with its loader and libraries, and nothing else', async () => {
  const folder = await temporaryFolder();
  const libraries = opened('libz', [
    library('libz.so.1.3', ['liby.so']),
    symlink('usr/lib/libz.so.1', 'libz.so.1.3'),
    library('liby.so'),
    library('libunused.so'),
  ]);
  const { node: path, loader } = await layOutNode([node, musl, libraries], 'usr/bin/node', folder);
  expect((await readdir(folder)).sort()).toEqual(['ld-musl-x86_64.so.1', 'lib', 'node']);
  expect((await readdir(join(folder, 'lib'))).sort()).toEqual(['liby.so', 'libz.so.1']);
  expect((await stat(path)).mode & 0o777).toBe(0o755);
  expect(loader?.call('/tmp/qx', 'qx')).toEqual({
    command: join(folder, 'ld-musl-x86_64.so.1'),
    before: ['--argv0', 'qx', '--library-path', join(folder, 'lib'), '/tmp/qx'],
    environment: {},
  });
});

test('Node finds the ICU data, which Alpine has in a separate package', async () => {
  const folder = await temporaryFolder();
  const libraries = opened('libz', [library('libz.so.1')]);
  const icu = opened('icu-data-en', [file('usr/share/icu/76.1/icudt76l.dat', 'data')]);
  const { loader } = await layOutNode([node, musl, libraries, icu], 'usr/bin/node', folder);
  expect(loader?.call('x', 'x').environment).toEqual({
    ICU_DATA: join(folder, 'icu'),
    NODE_ICU_DATA: join(folder, 'icu'),
  });
  expect(await readdir(join(folder, 'icu'))).toEqual(['icudt76l.dat']);
});

test.each([
  ['the program', [musl], /its packages have no usr\/bin\/node \(musl\)/],
  ['its loader', [node], /have no \/lib\/ld-musl-x86_64\.so\.1 \(nodejs\)/],
  ['a library', [node, musl], /have no libz\.so\.1 \(nodejs, musl\)/],
])('packages without %s are refused', async (_, packages, message) => {
  await expect(layOutNode(packages, 'usr/bin/node', await temporaryFolder())).rejects.toThrow(
    message,
  );
});

/** The toolchain's Node and this host's libraries, in the form of a base's packages. */
async function thisHost(): Promise<OpenedPackage> {
  const path = locateToolchainNode(PROJECT);
  const { stdout } = await execa('ldd', [path]);
  const libraries = [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, found = '']) => found);
  const onHost = async (from: string, to: string): Promise<Entry> => {
    const { size } = await stat(from);
    return { ...program(to, ''), size, content: { in: 'file', file: from, offset: 0 } };
  };
  const entries = [path, ...libraries].map((from) =>
    onHost(from, from === path ? 'usr/bin/node' : from.slice(1)),
  );
  return opened('this-host', await Promise.all(entries));
}

test('a Node that runs by its own loader prepares programs for itself, the same each time', async () => {
  const architecture = must(
    ARCHITECTURE_NAMES.find((name) => canRunHere(ARCHITECTURES[name])),
    'an architecture of this host',
  );
  const folder = await temporaryFolder();
  const { node: path, loader } = await layOutNode([await thisHost()], 'usr/bin/node', folder);
  const preparer = must(loader, 'loader').call(path, 'node');
  const code = "console.log(require('node:sea').isSea() ? '1.2.3' : 'no');";
  const outputs = [join(folder, 'one'), join(folder, 'other')] as const;
  for (const output of outputs) {
    await compileExecutable({ code, architecture, preparer, codeCache: true, node: path, output });
  }
  await execa('cmp', [...outputs]);
  await checkExecutable(outputs[0], '1.2.3', { loader });
  await checkExecutable(outputs[0], '1.2.3');
});
