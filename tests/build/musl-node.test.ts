import { join } from 'node:path';
import { describe, test } from 'vitest';
import { openPackage } from '../../build/base/alpine/package/open.ts';
import { readTrustedKeys } from '../../build/base/alpine/signature/keys.ts';
import type { OpenedPackage } from '../../build/contract/base.ts';
import { must } from '../../build/error.ts';
import { checkExecutable } from '../../build/sea/check.ts';
import { compileExecutable } from '../../build/sea/compile.ts';
import { layOutNode } from '../../build/sea/own-node.ts';
import { keys } from '../../profiles/shared/alpine-keys.ts';
import { muslNodePackage } from '../alpine-mirror/musl-node.ts';
import { olderNode } from '../older-node.ts';
import { haveAlpine319, realPackage } from '../unit/alpine/alpine-3.19.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { locked } from '../unit/lock/locks.ts';
import { Collection } from '../unit/tree/tars.ts';
import { PROJECT } from '../vm/build-images.ts';

const recipe = haveAlpine319
  ? await muslNodePackage(join(PROJECT, 'dist/tests/downloads'))
  : undefined;

/** A real package of Alpine 3.19, opened. */
async function opened(name: string): Promise<OpenedPackage> {
  const sink = new Collection();
  const file = must(realPackage(name), name);
  await openPackage({ file, keys: readTrustedKeys(Object.entries(keys)), origin: name, sink });
  return { locked: locked(name), entries: sink.entries };
}

const PROGRAM = `
const { isSea } = require('node:sea');
const libc = process.report.getReport().header.glibcVersionRuntime;
console.log([isSea(), process.version, libc, new Date(0).toLocaleDateString('de')].join(' '));
`;
const SAYS = 'true v24.19.0  1.1.1970';

describe.skipIf(recipe === undefined)(
  'a Node for musl, with the libraries of real Alpine packages',
  () => {
    /** Node of the package, on this host with a different C library. */
    async function layOut() {
      const node = { locked: locked('nodejs'), entries: must(recipe?.entries, 'entries') };
      const packages = [node, ...(await Promise.all(['musl', 'libstdc++', 'libgcc'].map(opened)))];
      const folder = await temporaryFolder();
      return { folder, ...(await layOutNode(packages, 'usr/bin/node', folder)) };
    }

    test('prepares programs for itself, with a code cache that it accepts', async () => {
      const { folder, node, loader } = await layOut();
      const output = join(folder, 'qx');
      const preparer = must(loader, 'loader').call(node, 'node');
      await compileExecutable({
        ...{ code: PROGRAM, architecture: 'x86_64', preparer, codeCache: true },
        ...{ node, output },
      });
      await checkExecutable(output, SAYS, { loader });
    });

    test('runs programs that another Node of the same major version prepared without a code cache', async () => {
      const { folder, node, loader } = await layOut();
      const output = join(folder, 'qx');
      const preparer = { command: await olderNode(), before: [] };
      await compileExecutable({
        ...{ code: PROGRAM, architecture: 'x86_64', preparer, codeCache: false },
        ...{ node, output },
      });
      await checkExecutable(output, SAYS, { loader });
    });
  },
);
