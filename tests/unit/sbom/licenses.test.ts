import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from 'tar';
import { expect, test } from 'vitest';
import type { LockedPackage } from '../../../build/contract/lock.ts';
import { formatLicenses } from '../../../build/sbom/license-report.ts';
import {
  collectNpmLicenses,
  collectPackageLicenses,
  type LicensedPart,
} from '../../../build/sbom/license-texts.ts';
import { readNodeLicense } from '../../../build/sea/node-license.ts';
import { ContentReader } from '../../../build/tree/content.ts';
import type { Entry } from '../../../build/tree/entry.ts';
import { temporaryFolder } from '../folder.ts';
import { file, hardlink, symlink } from '../tree/trees.ts';
import { locked } from './bill.ts';

function opened(name: string, entries: readonly Entry[], more: Partial<LockedPackage> = {}) {
  const stated = locked(name, { version: '1', ...more });
  return { stated, locked: stated, entries };
}

function licensesOf(...packages: ReturnType<typeof opened>[]): LicensedPart[] {
  return collectPackageLicenses(packages, new ContentReader());
}

async function report(parts: readonly LicensedPart[]): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of formatLicenses('Licences', parts)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

const copyright = (name: string, text: string) => file(`usr/share/doc/${name}/copyright`, text);
const GPL = 'see /usr/share/common-licenses/GPL-2.\n';

test('a package of Debian has its copyright file, and the common texts to which it refers', async () => {
  const parts = licensesOf(
    opened('bash', [copyright('bash', GPL), file('usr/share/doc/bash/NEWS', 'news')]),
    opened('base-files', [
      copyright('base-files', 'base\n'),
      file('usr/share/common-licenses/GPL-2', 'The GPL, version 2\n'),
    ]),
  );
  expect(await report(parts)).toBe(`Licences

base-files 1: see the text, text 1
bash 1: see the text, text 2, 3

${'='.repeat(100)}
Lacking

Nothing: each part has a text of its licence.

${'='.repeat(100)}
Text 1: /usr/share/doc/base-files/copyright

base

${'='.repeat(100)}
Text 2: /usr/share/doc/bash/copyright

${GPL}
${'='.repeat(100)}
Text 3: /usr/share/common-licenses/GPL-2

The GPL, version 2
`);
});

test('documents are found through links to folders of other packages, to files, and through hard links', () => {
  const gcc = opened('gcc-14-base', [copyright('gcc-14-base', 'gcc')]);
  const folder = opened('libgcc-s1', [symlink('usr/share/doc/libgcc-s1', 'gcc-14-base')]);
  const link = opened('libstdc++6', [
    symlink('usr/share/doc/libstdc++6/copyright', '/usr/share/doc/gcc-14-base/copyright'),
  ]);
  const hard = opened('cpp', [
    hardlink('usr/share/doc/cpp/copyright', 'usr/share/doc/gcc-14-base/copyright'),
  ]);
  for (const { texts, lacking } of licensesOf(folder, link, hard, gcc)) {
    expect(texts.map(({ from }) => from)).toEqual(['/usr/share/doc/gcc-14-base/copyright']);
    expect(lacking).toEqual([]);
  }
});

test('links that form a loop, lead out of the tree or to nothing are ignored', () => {
  const round = opened('a', [
    symlink('usr/share/doc/a', 'b'),
    symlink('usr/share/doc/b', 'a'),
    symlink('usr/share/licenses/a/LICENSE', '../../../../../../etc/shadow'),
  ]);
  const lacking = ['any text, and the name of its licence'];
  expect(licensesOf(round)).toMatchObject([{ texts: [], lacking }]);
});

test('a common text that is not in the image is reported by name', async () => {
  const parts = licensesOf(opened('bash', [copyright('bash', GPL)]));
  expect(await report(parts)).toContain(
    '\nbash 1 lacks /usr/share/common-licenses/GPL-2, to which its licence refers\n',
  );
});

test('licence files of Alpine’s packages are found; without one the SPDX text is used, with a note', async () => {
  const own = opened('a', [file('usr/share/licenses/a/COPYING', 'own text')], { license: 'MIT' });
  const none = opened('b', [], { license: 'MIT AND (ISC OR Zlib)' });
  const odd = opened('c', [], { license: 'GPL-2.0-only WITH Linux-syscall-note' });
  const named = opened('d', [], { license: 'custom' });
  const parts = licensesOf(own, none, odd, named);
  expect(parts.map(({ texts }) => texts.map(({ from }) => from))).toEqual([
    ['/usr/share/licenses/a/COPYING'],
    ['ISC', 'MIT', 'Zlib'].map((id) => `${id}, as SPDX has it: the package carries no text`),
    ['GPL-2.0-only, as SPDX has it: the package carries no text'],
    [],
  ]);
  const text = await report(parts);
  expect(text).toContain('\nc 1 lacks the text of exception Linux-syscall-note\n');
  expect(text).toContain('\nd 1 lacks any text: custom\n');
  expect(text).toContain('Permission is hereby granted, free of charge');
});

test('a text that several packages share is written once, in any order of packages', async () => {
  const packages = ['a', 'b'].map((name) => opened(name, [copyright(name, 'the same')]));
  const text = await report(licensesOf(...packages));
  expect(text.match(/the same/g)).toHaveLength(1);
  expect(text).toContain('a 1: see the text, text 1\nb 1: see the text, text 1\n');
  expect(await report(licensesOf(...packages.toReversed()))).toBe(text);
});

test('an npm package has the licence files of its folder, or the standard text', async () => {
  const folder = await temporaryFolder();
  for (const name of ['LICENSE', 'NOTICE.txt', 'license.js', 'index.js']) {
    await writeFile(join(folder, name), name);
  }
  const part = { name: 'x', version: '1', license: 'Apache-2.0' };
  const { texts } = await collectNpmLicenses(part, folder);
  expect(texts.map(({ from }) => from)).toEqual([
    'x/LICENSE, of the npm package',
    'x/NOTICE.txt, of the npm package',
  ]);
  const [standard] = (await collectNpmLicenses(part, join(folder, 'none'))).texts;
  expect(Buffer.from((await standard?.read()) ?? '').toString()).toContain('Apache License');
});

test('the licence of Node is read from its archive; a truncated archive is refused', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'package/bin'), { recursive: true });
  await mkdir(join(folder, 'package/deps'));
  await writeFile(join(folder, 'package/LICENSE'), 'Node.js is licensed');
  await writeFile(join(folder, 'package/deps/LICENSE'), 'another');
  await writeFile(join(folder, 'package/bin/node'), Buffer.alloc(100_000, 'x'));
  const archive = join(folder, 'node.tgz');
  const options = { cwd: folder, gzip: true, file: archive };
  await create(options, ['package']);
  expect((await readNodeLicense(archive))?.toString()).toBe('Node.js is licensed');
  await create(options, ['package/bin']);
  expect(await readNodeLicense(archive)).toBeUndefined();
  await writeFile(archive, 'no archive');
  await expect(readNodeLicense(archive)).rejects.toThrow('the archive of Node is damaged');
});
