import { expect } from 'vitest';
import { begin } from './world/story.ts';
import { test } from './world/test.ts';

const BOOT =
  'hostname localhost; export RC_SVCNAME=hostname; sh /lib/rc/sh/openrc-run.sh /etc/init.d/hostname start; hostname';

test('a host name that was given is the machine’s, now and after a restart', async () => {
  await using story = await begin();
  const { machine } = story;
  await machine.write('/etc/hostname', 'quantix\n');
  expect(await machine.succeed(BOOT)).toBe('quantix');
  expect(await machine.succeed('qx-hostname node7 && hostname')).toBe('node7');
  expect(await machine.succeed(BOOT)).toBe('node7');
  for (const wrong of ['', '-a', 'a b', 'a.b', '$(reboot)', 'x'.repeat(64)]) {
    expect(await machine.sh('qx-hostname "$1"', wrong)).toMatchObject({ status: 1, stdout: '' });
  }
  expect(await machine.read('/quantix/hostname')).toBe('node7');
});

test('an invalid stored host name is set aside and reported, and the image’s is used', async () => {
  await using story = await begin();
  const { machine } = story;
  await machine.write('/etc/hostname', 'quantix\n');
  await machine.write('/quantix/hostname', 'node7\nnode8\n');
  expect(await machine.succeed(BOOT)).toBe('quantix');
  expect(await machine.files()).toEqual(['/quantix/hostname.rejected']);
  expect(await machine.read('/dev/kmsg')).toBe(
    '<4>quantix: /quantix/hostname: not a host name; set aside as hostname.rejected',
  );
  expect((await machine.status()).problems).toEqual([
    '/quantix/hostname.rejected: set aside because it has a mistake; remove this file once the mistake is corrected',
  ]);
  await machine.write('/quantix/hostname', 'node 9\n');
  expect(await machine.succeed(BOOT)).toBe('quantix');
  expect(await machine.read('/quantix/hostname.rejected')).toBe('node7\nnode8');
  expect(await machine.read('/quantix/hostname.rejected-2')).toBe('node 9');
  expect(await machine.succeed('qx-hostname node7 && hostname')).toBe('node7');
  expect((await machine.status()).problems).toEqual([]);
});
