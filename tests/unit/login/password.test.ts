import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../folder.ts';
import { inShell, SHELLS } from './shell.ts';

const DIGEST = 'a'.repeat(86);
const HASH = `$6$saltsalt$${DIGEST}`;
const SHADOW = `root::20780:0:99999:7:::\ndaemon:!:20780:0:99999:7:::\nroot2:x:1:0:9:7:::\n`;

describe.each(SHELLS.map((shell) => ({ name: shell[0], shell })))('$name', ({ shell }) => {
  const parts = ['persistence', 'password'];
  const run = (cwd: string, text: string, env: Record<string, string> = {}) =>
    inShell(`SHADOW=$PWD/shadow\n${text}`, { shell, parts, cwd, env });

  test.each([
    ['correct horse', 0],
    ['eight888', 0],
    ['$(reboot)`"\'\\ *', 0],
    ['x'.repeat(128), 0],
    ['seven77', 1],
    ['', 1],
    ['x'.repeat(129), 1],
    ['with\ttabulator', 1],
    ['pass\u00e4wort', 1],
    ['two\nlines of it', 1],
    ['escape\u001b[2J', 1],
  ])('%j is accepted or refused as a password', async (password, status) => {
    const cwd = await temporaryFolder();
    expect(await run(cwd, 'is_password "$TRIED"', { TRIED: password })).toMatchObject({ status });
  });

  test.each([
    [`root:${HASH}`, 0],
    [`root:${HASH}\n`, 0],
    [`root:${HASH}:20780:0:99999:7:::\n`, 0],
    ['', 1],
    ['root:\n', 1],
    ['root::20780:0:99999:7:::\n', 1],
    ['root:!\n', 1],
    ['root:plaintext\n', 1],
    [`toor:${HASH}\n`, 1],
    [`root:${HASH}\nroot:${HASH}\n`, 1],
    [`root:${HASH}:1:0:9:7:::\ndaemon:${HASH}\n`, 1],
    [`daemon:!\nroot:${HASH}\n`, 1],
    [`root:$1$salt$${DIGEST.slice(0, 22)}\n`, 1],
    [`root:$y$j9T$salt$${DIGEST.slice(0, 43)}\n`, 1],
    [`root:$6$rounds=999999999$salt$${DIGEST}\n`, 1],
    [`root:$6$${DIGEST}\n`, 1],
    [`root:$6$$${DIGEST}\n`, 1],
    [`root:$6$saltsaltsaltsalt1$${DIGEST}\n`, 1],
    [`root:$6$salt$${DIGEST}a\n`, 1],
    [`root:$6$sa:lt$${DIGEST}\n`, 1],
    [`root:$6$salt$${DIGEST.slice(1)}\0\n`, 1],
    [`root:$6$salt$${DIGEST.slice(1)}*\n`, 1],
    [`root:${HASH}:sh -c reboot\n`, 1],
    [`root:${HASH}\r\n`, 1],
    [`root:${'x'.repeat(1_000_000)}`, 1],
  ])(
    'the hash of root is read from a stored file, or the file is refused: %#',
    async (text, status) => {
      const cwd = await temporaryFolder();
      await writeFile(join(cwd, 'kept'), text);
      const stdout = status === 0 ? HASH : '';
      expect(await run(cwd, 'hash_in kept')).toEqual({ status, stdout });
    },
  );

  test('a missing file, or a folder in its place, has no hash', async () => {
    const cwd = await temporaryFolder();
    expect(await run(cwd, 'hash_in . || hash_in gone')).toEqual({ status: 1, stdout: '' });
  });

  test('setting root’s hash changes no other account and no other field', async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'shadow'), SHADOW, { mode: 0o640 });
    expect(
      await run(cwd, '[ -z "$(root_hash)" ] && set_root_hash "$HASH" && root_hash', { HASH }),
    ).toEqual({ status: 0, stdout: HASH });
    expect(await readFile(join(cwd, 'shadow'), 'utf8')).toBe(
      SHADOW.replace('root:', `root:${HASH}`),
    );
    expect((await stat(join(cwd, 'shadow'))).mode & 0o777).toBe(0o640);
    const other = `$6$other$${DIGEST}`;
    await run(cwd, 'set_root_hash "$OTHER"', { OTHER: other });
    expect(await readFile(join(cwd, 'shadow'), 'utf8')).toBe(
      SHADOW.replace('root:', `root:${other}`),
    );
  });

  test('the hash of a password equals that of libcrypt', async () => {
    const cwd = await temporaryFolder();
    const { stdout } = await run(cwd, 'hash_of "Hello world!" saltstring');
    expect(stdout).toBe(
      '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
    );
  });

  test('each hash has a new salt, and is reproduced from the password with that salt', async () => {
    const cwd = await temporaryFolder();
    const env = { P: ' $x`"\\n ~' };
    const text =
      'hash=$(hash_of "$P"); is_hash "$hash" || exit 9; [ "$(hash_of "$P")" != "$hash" ] || exit 8; [ "$(hash_of "$P" "$salt")" = "$hash" ] || exit 7; [ "$(hash_of "$P " "$salt")" != "$hash" ]';
    expect(await run(cwd, text, env)).toMatchObject({ status: 0 });
  });
});
