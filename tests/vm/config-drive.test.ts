import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import type { Machine } from '../../build/qemu/machine.ts';
import { findFreePort } from '../../tasks/control-plane/free-port.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { PROJECT } from './build-images.ts';
import { STATIC } from './set-address.ts';
import { SshClient } from './ssh-client.ts';
import { boot, imageOf, killUntilReplaced, logInWith, succeed } from './story.ts';

const PASSWORD = 'correct horse';

/** A machine with a config drive that gives it a name, an address and SSH. */
async function configuredMachine(client: SshClient, hostPort: number): Promise<Machine> {
  const drive = join(await temporaryFolder(), 'drive.img');
  const wanted = ['--hostname', 'node7', '--interface', 'eth0', '--address', `${STATIC}/24`];
  const access = ['--gateway', '10.0.2.2', '--authorized-keys', client.publicKey, '--ssh'];
  const words = ['config-drive', '--profile', 'quantix-os', ...wanted, ...access, drive];
  await execa(process.execPath, ['tasks/qx-build.ts', ...words], { cwd: PROJECT });
  return {
    firmware: 'bios',
    medium: { as: 'disk', bus: 'ata', image: imageOf('quantix-os').iso },
    disks: [{ file: drive, format: 'raw', bus: 'virtio' }],
    forwards: [{ hostPort, guestAddress: STATIC, guestPort: 22 }],
  };
}

/** Kills the process of a supervised service, and checks that the service runs again. */
async function expectToComeBack(
  client: SshClient,
  service: string,
  process: string,
): Promise<void> {
  const supervisor = `$(pgrep -f "supervise-daemon ${service}")`;
  const supervised = `pgrep -of "${process}" -P ${supervisor}`;
  const status = await client.succeed(
    `${killUntilReplaced(supervised)}; rc-service ${service} status`,
  );
  expect(status).toMatch('status: started');
}

test('a machine with a config drive starts unattended with name, address and SSH, and has the same host key after a restart', async () => {
  const hostPort = await findFreePort();
  const client = await SshClient.create(hostPort);
  const machine = await configuredMachine(client, hostPort);
  {
    await using story = await boot('quantix-os-config-drive', machine);
    await story.guest.waitForMilestone('ready');
    await client.untilReached();
    expect(await client.succeed('hostname; qx-ssh status --json')).toBe(
      'node7\n{"state":"on","until":null,"enabled_at_boot":true}',
    );
    const secrets = 'find /quantix/ssh /etc/ssh/ssh_host_* -type f ! -name "*.pub"';
    expect(await client.succeed(`${secrets} ! -perm 600 ! -perm 700`)).toBe('');

    await client.succeed(`echo '${PASSWORD}' | qx-password set`);
    const byPassword = ['-o', 'PubkeyAuthentication=no', '-o', 'PreferredAuthentications=password'];
    const refused = await client.ssh('true', ...byPassword);
    expect(refused).toMatchObject({ status: 255 });
    expect(refused.stderr).toMatch('Permission denied (publickey)');
    await expectToComeBack(client, 'quantix-network', 'qx-network watch');
    await client.ssh('poweroff');
    await story.guest.waitForEnd();
    story.expectGoodConsole();
  }
  await using story = await boot('quantix-os-config-drive-again', { ...machine, firmware: 'uefi' });
  await client.untilReached();
  expect(
    await client.succeed(`hostname; echo '${PASSWORD}' | qx-password check && echo known`),
  ).toBe('node7\nknown');
  await logInWith(PASSWORD, story);

  expect(await client.succeed('qx-ssh off; qx-ssh status --json')).toBe(
    '{"state":"off","until":null,"enabled_at_boot":false}',
  );
  expect((await client.ssh('true')).status).toBe(255);

  const timed = await succeed(story, 'qx-ssh on --minutes 5; date +%s; qx-ssh status --json');
  const [now, until] = [/^(\d+)$/m, /"until":(\d+),"enabled_at_boot":false/].map((pattern) =>
    Number(pattern.exec(timed)?.[1]),
  );
  expect(until).toBeGreaterThan(now ?? Number.NaN);
  expect(until).toBeLessThanOrEqual((now ?? Number.NaN) + 300);
  await client.untilReached();
  const soon = 'echo $(($(cut -d. -f1 /proc/uptime) + 1)) >/run/quantix/ssh/end';
  await succeed(story, `${soon}; kill -9 $(pgrep -f lib/quantix/ssh/timer | tail -1)`);
  const off = 'until qx-ssh status --json | grep -q off; do usleep 500000; done; ls /quantix/ssh';
  expect(await succeed(story, off)).not.toContain('enabled');
  expect((await client.ssh('true')).status).toBe(255);
  story.expectGoodConsole();
});
