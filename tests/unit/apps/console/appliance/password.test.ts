import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  checkPassword,
  readPasswordState,
  setPassword,
} from '../../../../../apps/console/appliance/password.ts';
import { temporaryFolder } from '../../../folder.ts';

const signal = AbortSignal.any([]);

/** Makes a qx-password that runs a script. */
async function program(script: string): Promise<string> {
  const file = join(await temporaryFolder(), 'qx-password');
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

test('a password is passed on standard input, never as an argument', async () => {
  const told = join(await temporaryFolder(), 'told');
  const noting = await program(`printf '%s\\n' "$@" >${told}; cat >>${told}`);
  await setPassword("it's $HOME", { signal, program: noting });
  expect(await readFile(told, 'utf8')).toBe("set\nit's $HOME\n");
});

test('a warning is shown', async () => {
  const warning = await program('echo "qx-password: it lasts until the next boot" >&2');
  expect(await setPassword('password', { signal, program: warning })).toEqual([
    'it lasts until the next boot',
  ]);
});

test('exit status 0 means that a password is right, and 1 that it is wrong', async () => {
  expect(await checkPassword('x', { signal, program: await program('exit 0') })).toBe(true);
  expect(await checkPassword('x', { signal, program: await program('exit 1') })).toBe(false);
});

test.each(['exit 2', 'echo "only root" >&2; exit 1', 'kill -9 $$'])(
  'a check that fails (%s) is an error, not a wrong password',
  async (script) => {
    const checked = checkPassword('x', { signal, program: await program(script) });
    await expect(checked).rejects.toThrow(/qx-password/);
  },
);

test.each([
  ['echo empty', 'empty'],
  ['echo set', 'set'],
  ['echo what', 'set'],
  ['true', 'set'],
  ['echo "closed: two disks"', { closed: 'two disks' }],
])('the output of %j means the password state %j', async (script, state) => {
  expect(await readPasswordState({ signal, program: await program(script) })).toEqual(state);
});

test('a missing program does not count as an empty password', async () => {
  await expect(readPasswordState({ signal, program: '/nonexistent' })).rejects.toThrow(
    'not installed',
  );
});
