import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseStanzas } from '../../../../build/base/debian/apt/stanza.ts';
import { parseRelations, readDebianRelations } from '../../../../build/base/debian/relations.ts';
import { run } from '../../../../build/process/run.ts';
import { locked } from '../../lock/locks.ts';

test('names are read without versions, architectures and profiles', () => {
  const [stanza] = parseStanzas(
    `Installed-Size: 12
Pre-Depends: libc6 (>= 2.36)
Depends: python3:any (>= 3.11~), default-mta | mail-transport-agent,
 a [linux-any] <!nocheck>
Provides: mail (= 1), b
`,
    'test',
  );
  expect(parseRelations(stanza ?? new Map())).toEqual({
    installedSize: 12 * 1024,
    needs: [['libc6'], ['python3'], ['default-mta', 'mail-transport-agent'], ['a']],
    provides: ['mail', 'b'],
    comesWith: [],
  });
});

test.each(['', 'Depends: ,|,, (', 'Installed-Size: much', 'Depends: a\n b'])(
  'malformed fields are ignored: %j',
  (text) => {
    const [stanza = new Map<string, string>()] = parseStanzas(text, 'test');
    expect(parseRelations(stanza).installedSize).toBe(undefined);
  },
);

test('relations are read from the control file of an archive; a missing archive has none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-relations-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'a/DEBIAN'), { recursive: true });
  const control = `Package: a
Version: 1
Architecture: all
Maintainer: a <a@b>
Description: a
Depends: b
Installed-Size: 3
`;
  await writeFile(join(folder, 'a/DEBIAN/control'), control);
  const file = join(folder, 'a.deb');
  await run('dpkg-deb', ['--build', '--root-owner-group', join(folder, 'a'), file]);
  const packages = [{ locked: locked('a'), file }, { locked: locked('b') }];
  expect(Object.fromEntries(await readDebianRelations(packages))).toEqual({
    a: { installedSize: 3 * 1024, needs: [['b']], provides: [], comesWith: [] },
  });
});
