import { chmod, mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { readOverlay } from '../../../build/tree/overlay.ts';
import { temporaryFolder } from '../folder.ts';

async function sample(): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'etc/init.d'), { recursive: true });
  await writeFile(join(folder, 'etc/motd'), 'hello\n', { mode: 0o600 });
  await writeFile(join(folder, 'etc/init.d/net'), '#!/bin/sh\n', { mode: 0o700 });
  await symlink('../motd', join(folder, 'etc/link'));
  return folder;
}

test('everything is root’s, and only the executable bit counts', async () => {
  const { name, entries } = readOverlay(await sample(), 'common');
  expect(name).toBe('common');
  expect(entries).toMatchObject([
    { path: 'etc', type: 'directory', mode: 0o755 },
    { path: 'etc/init.d', type: 'directory', mode: 0o755 },
    { path: 'etc/init.d/net', type: 'file', mode: 0o755, size: 10 },
    { path: 'etc/link', type: 'symlink', target: '../motd' },
    { path: 'etc/motd', type: 'file', mode: 0o644, size: 6 },
  ]);
  const owners = entries.map(({ uid, gid, origin }) => `${uid}:${gid} ${origin}`);
  expect(new Set(owners)).toEqual(new Set(['0:0 overlay common']));
});

test('digests stand for content, mode and type, and for nothing else', async () => {
  const folder = await sample();
  const before = readOverlay(folder, 'common').digests;
  expect(Object.keys(before)).toContain('common/etc/motd');
  await utimes(join(folder, 'etc/motd'), 1, 1);
  await chmod(join(folder, 'etc/motd'), 0o666);
  expect(readOverlay(folder, 'common').digests).toEqual(before);
  await chmod(join(folder, 'etc/motd'), 0o755);
  const executable = readOverlay(folder, 'common').digests;
  expect(executable['common/etc/motd']).not.toBe(before['common/etc/motd']);
  await writeFile(join(folder, 'etc/motd'), 'hallo\n');
  const changed = readOverlay(folder, 'common').digests;
  expect(changed['common/etc/motd']).not.toBe(executable['common/etc/motd']);
  expect(changed['common/etc/link']).toBe(before['common/etc/link']);
});

test('a folder that is not there is told with its name', async () => {
  const folder = join(await temporaryFolder(), 'nowhere');
  expect(() => readOverlay(folder, 'nowhere')).toThrow(
    /^there is no overlay "nowhere" \(.*nowhere\)\. Make the folder/,
  );
});

test('what is neither file, link nor directory is refused with its path', async () => {
  const folder = await sample();
  await execa('mkfifo', [join(folder, 'etc/pipe')]);
  expect(() => readOverlay(folder, 'common')).toThrow(/files, links and directories only.*pipe/);
});
