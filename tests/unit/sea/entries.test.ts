import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeProgramEntries } from '../../../build/sea/entries.ts';
import { ContentReader } from '../../../build/tree/content.ts';
import { Tree } from '../../../build/tree/tree.ts';
import { temporaryFolder } from '../folder.ts';

test('the executable belongs to root, whoever built it, and each program is a link to it', async () => {
  const file = join(await temporaryFolder(), 'qx');
  await writeFile(file, 'executable');
  await chmod(file, 0o600);
  using reader = new ContentReader();
  const tree = new Tree(reader);
  const programs = ['hi-node', 'hi-console'];
  const appliance = { namespace: 'hello', programPrefix: 'hi', programs };
  for (const entry of makeProgramEntries(file, appliance)) tree.add(entry);
  const executable = tree.file('usr/lib/hello/hi');
  expect(executable).toMatchObject({ mode: 0o755, uid: 0, gid: 0, size: 10 });
  for (const name of programs) {
    expect(tree.canonical(`usr/sbin/${name}`)).toBe('usr/lib/hello/hi');
  }
});
