import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readPathOverlay } from '../../../build/profile/path-overlay.ts';
import type { Profile } from '../../../build/profile/profile.ts';
import { temporaryFolder } from '../folder.ts';

const user = { uid: 200, group: 'web', comment: '', home: '/', shell: '/bin/sh', member: [] };
const accounts = {
  groups: { root: 0, web: 201, log: 202 },
  users: { root: { ...user, uid: 0, group: 'root' }, web: user },
};

/** Returns the entries of a profile in a folder with one file, `page`. */
async function entriesOf(paths: Profile['paths']) {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'page'), 'hello', { mode: 0o600 });
  return readPathOverlay({ file: join(folder, 'profile.ts'), paths, accounts }).entries;
}

test('a declared entry has the declared owner and mode', async () => {
  const entries = await entriesOf({
    '/srv/page': { type: 'copy', of: './page', mode: 0o640, user: 'web' },
    '/srv/log': { type: 'directory', mode: 0o2770, user: 'web', group: 'log' },
    '/etc/page.conf': { type: 'file', text: 'a=1\n', mode: 0o644, user: 'root' },
    '/etc/page': { type: 'symlink', target: '../srv/page' },
  });
  expect(entries).toMatchObject([
    { path: 'srv/page', type: 'file', mode: 0o640, uid: 200, gid: 201, size: 5 },
    { path: 'srv/log', type: 'directory', mode: 0o2770, uid: 200, gid: 202 },
    { path: 'etc/page.conf', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 4 },
    { path: 'etc/page', type: 'symlink', target: '../srv/page' },
  ]);
});

test.each(['./nowhere', './'])(
  'a source %s that is not a file is reported with its key',
  async (of) => {
    const copy = { type: 'copy', of, mode: 0o644, user: 'root' } as const;
    await expect(entriesOf({ '/etc/x': copy })).rejects.toThrow(
      /^there is no file for \/etc\/x of the image .*paths\.\/etc\/x\.of of the profile\.$/,
    );
  },
);
