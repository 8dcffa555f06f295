import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { restartService, startService, stopService } from '../../../../apps/services/control.ts';
import {
  disableSsh,
  enableSsh,
  enableSshFor,
  parseSshState,
  readSshState,
} from '../../../../apps/services/ssh.ts';
import { temporaryFolder } from '../../folder.ts';

/** A script in the place of a program, and the arguments that it was called with. */
async function standIn(script: string) {
  const folder = await temporaryFolder();
  const program = join(folder, 'program');
  await writeFile(program, `#!/bin/sh\necho "$*" >>${folder}/calls\n${script}\n`);
  await chmod(program, 0o755);
  return { program, calls: async () => (await readFile(join(folder, 'calls'), 'utf8')).trim() };
}

test('services are controlled through OpenRC', async () => {
  const { program, calls } = await standIn('');
  await startService('sshd', { program });
  await stopService('sshd', { program });
  await restartService('qx-node', { program });
  expect(await calls()).toBe(
    '--nocolor sshd start\n--nocolor sshd stop\n--nocolor qx-node restart',
  );
});

test('a service that does not start is reported with the message of OpenRC', async () => {
  const { program } = await standIn(
    'echo " * Starting sshd ..." >&2; echo " * ERROR: sshd failed to start" >&2; exit 1',
  );
  await expect(startService('sshd', { program })).rejects.toMatchObject({
    name: 'ServiceError',
    message: 'sshd: sshd failed to start',
  });
});

test.each(['--list', '', '../../bin/sh', 'a b', 'a\n'])(
  'a service name like %j is refused without calling a program',
  async (name) => {
    const { program, calls } = await standIn('');
    await expect(startService(name, { program })).rejects.toThrow('there is no service');
    await expect(calls()).rejects.toThrow('ENOENT');
  },
);

test('SSH is turned on, for good or for some minutes, and off through qx-ssh', async () => {
  const { program, calls } = await standIn(
    '[ "$1" != on ] || echo "qx-ssh: no public key may log in yet" >&2',
  );
  expect(await enableSshFor(30, { program })).toEqual(['no public key may log in yet']);
  await enableSsh({ program });
  expect(await disableSsh({ program })).toEqual([]);
  expect(await calls()).toBe('on --minutes 30\non\noff');
});

test('an error of qx-ssh is reported with its message', async () => {
  const { program } = await standIn('echo "qx-ssh: only root can turn SSH on or off" >&2; exit 1');
  await expect(enableSsh({ program })).rejects.toThrow(/^only root can turn SSH on or off$/);
});

test('the state of SSH includes the time at which it is turned off', async () => {
  const status = '{"state":"on","until":1795000000,"enabled_at_boot":false}';
  const { program } = await standIn(`echo '${status}'`);
  expect(await readSshState({ program })).toEqual({
    state: 'on',
    until: new Date(1795000000 * 1000),
    enabledAtBoot: false,
  });
  expect(parseSshState('{"state":"off","until":null,"enabled_at_boot":true}').until).toBeNull();
});

test.each([
  '',
  '[]',
  '{"state":"maybe","until":null,"enabled_at_boot":true}',
  '{"state":"on"',
  '7',
])('a state like %j is refused', (text) => {
  expect(() => parseSshState(text)).toThrow('qx-ssh status cannot be understood');
});
