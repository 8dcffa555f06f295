import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { scanDependencies } from '../../../../build/base/system/dependency-scan.ts';
import type { Tree } from '../../../../build/tree/tree.ts';
import { temporaryFolder } from '../../folder.ts';
import { file, program, treeOf } from '../../tree/trees.ts';

/** OpenRC's own script, at one of its two places. */
const OPENRC = program('lib/rc/sh/gendepends.sh', '#!/bin/sh\n');

const service = (name: string, text: string) =>
  program(`etc/init.d/${name}`, `#!/sbin/openrc-run\n${text}`);

/** Returns the output of the generated script. */
async function printed(tree: Tree): Promise<string[]> {
  const entry = scanDependencies(tree);
  if (entry.type !== 'file' || entry.content.in !== 'memory') throw new Error('no script');
  const script = join(await temporaryFolder(), 'gendepends.sh');
  await writeFile(script, entry.content.bytes);
  return (await execa('sh', [script])).stdout.split('\n');
}

test('the script prints each service with its dependencies, in OpenRC’s format', async () => {
  const tree = treeOf(
    OPENRC,
    service('a', 'depend() {\n\tneed net dev\n\t# a remark\n\n\tkeyword -stop\n\tuse x\n}\n'),
    service('b', 'start() {\n\tneed nothing\n}\n'),
    service('c', 'depend() {\n  want a\n  before b\n  after d\n  provide e\n  config f.g\n}'),
    file('etc/init.d/README', 'depend() {\n\tneed x\n}\n'),
    program('etc/init.d/functions.sh', '#!/bin/sh\n'),
  );
  expect(await printed(tree)).toEqual([
    'a',
    'a ineed net dev',
    'a keyword -stop',
    'a iuse x',
    'b',
    'c',
    'c iwant a',
    'c ibefore b',
    'c iafter d',
    'c iprovide e',
    'c config f.g',
  ]);
});

test('the script is written where OpenRC runs it, and is executable', () => {
  for (const path of ['lib/rc/sh/gendepends.sh', 'usr/libexec/rc/sh/gendepends.sh']) {
    expect(scanDependencies(treeOf({ ...OPENRC, path }))).toMatchObject({ path, mode: 0o755 });
  }
});

test('a system without OpenRC is refused', () => {
  expect(() => scanDependencies(treeOf())).toThrow('there is no OpenRC');
});

test('a dependency that only a shell could evaluate is refused', () => {
  const tree = treeOf(OPENRC, service('net', 'depend() {\n\tneed $net\n}\n'));
  expect(() => scanDependencies(tree)).toThrow('whose result only running it would show');
});
