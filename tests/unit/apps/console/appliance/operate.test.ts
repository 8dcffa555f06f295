import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readInvitationIn } from '../../../../../apps/console/appliance/invitation.ts';
import { leaveForConsole } from '../../../../../apps/console/appliance/machine-console.ts';
import { requestReset } from '../../../../../apps/console/appliance/reset.ts';
import { temporaryFolder } from '../../../folder.ts';

const TOKEN = `qxj1.SecretOfAtLeast16.${'0123456789abcdef'.repeat(4)}`;

test('the file for console-launch names the machine whose console to open', async () => {
  const file = join(await temporaryFolder(), 'answer');
  await leaveForConsole({ id: '9f1b2c3d-0000-4000-8000-00000000abcd', name: 'web 1' }, file);
  expect(await readFile(file, 'utf8')).toBe('9f1b2c3d-0000-4000-8000-00000000abcd\nweb 1\n');
  await expect(leaveForConsole({ id: 'a', name: 'b' }, undefined)).rejects.toThrow('virsh console');
});

test('a reset is requested with the machine’s name, and with its data if chosen', async () => {
  const program = join(await temporaryFolder(), 'qx-reset');
  const script = '#!/bin/sh\n[ "$2" = node7 ] || { echo "not $2" >&2; exit 1; }\necho "did $*"\n';
  await writeFile(program, script, { mode: 0o755 });
  const options = { program, signal: new AbortController().signal };
  expect(await requestReset({ name: 'node7', data: false }, options)).toBe('did request node7');
  expect(await requestReset({ name: 'node7', data: true }, options)).toBe(
    'did request node7 --data',
  );
  const other = requestReset({ name: 'node8', data: false }, options);
  await expect(other).rejects.toThrow('not node8');
});

test.each([
  [
    `controlPlane: https://qvdc\njoinToken: ${TOKEN}\n`,
    { address: 'https://qvdc:9443', token: TOKEN },
  ],
  [`joinToken: ${TOKEN}\n`, 'controlPlane or joinToken is missing (/dev/sdb1, quantix-join.yaml)'],
  ['controlPlane: http://x\n', 'is not the address of a control plane'],
  ['pools: [{}]\n', 'pools'],
  ['{', 'quantix-join.yaml, line 1'],
  ['a: &a [x]\nb: *a\n', 'quantix-join.yaml'],
  ['\0'.repeat(70_000), 'quantix-join.yaml'],
  [null, 'there is no file quantix-join.yaml (/dev/sdb1)'],
])(
  'a file quantix-join.yaml with %j names the control plane to join, or is refused with the mistake',
  async (text, told) => {
    const folder = await temporaryFolder();
    if (text !== null) await writeFile(join(folder, 'quantix-join.yaml'), text);
    const reading = readInvitationIn(folder, '/dev/sdb1');
    if (typeof told === 'string') await expect(reading).rejects.toThrow(told);
    else expect(await reading).toEqual(told);
  },
);

test('a link on a stick is not followed', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'other'), `controlPlane: https://qvdc\njoinToken: ${TOKEN}\n`);
  await symlink(join(folder, 'other'), join(folder, 'quantix-join.yaml'));
  await expect(readInvitationIn(folder, '/dev/sdb1')).rejects.toThrow('there is no file');
});
