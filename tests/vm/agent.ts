import { expect } from 'vitest';
import { z } from 'zod';
import { vmsSchema } from '../../apps/api/vms.ts';
import { pressInTurn, untilScreenShows } from './screen.ts';
import { killUntilReplaced, type Story, succeed, untilSucceeds } from './story.ts';

const ID = '9f1b2c3d-0000-4000-8000-00000000abcd';

/** A machine that stays in its firmware. */
const DEFINITION =
  `<domain type="qemu"><name>loop</name><uuid>${ID}</uuid><memory unit="MiB">32</memory><vcpu>1</vcpu>` +
  '<os><type arch="x86_64" machine="pc">hvm</type></os></domain>';

const statusSchema = z.object({ vms: z.object({ value: vmsSchema }) });

async function toldVms(story: Story) {
  const told: unknown = JSON.parse(await succeed(story, 'qx-node status --json'));
  return statusSchema.parse(told).vms.value;
}

/** Waits until the agent has started to listen this many times. */
const untilListening = (story: Story, times: number) =>
  untilSucceeds(story, `[ "$(grep -c 'listening on' /var/log/quantix/node.log)" -ge ${times} ]`);
const untilLogged = (story: Story, line: string) =>
  untilSucceeds(story, `logread | grep -q '${line}'`);

/** Checks that agent and screen report when a VM is defined, started and ended, and that only root may call the agent. */
export async function expectVmsTold(story: Story): Promise<void> {
  await untilListening(story, 1);
  expect(await succeed(story, "stat -c '%a %U' /run/quantix/node.sock")).toBe('600 root\n');
  await succeed(story, `echo '${DEFINITION}' >/tmp/loop.xml && virsh -q define /tmp/loop.xml`);
  await untilLogged(story, 'VM loop .* new → shutoff');
  await succeed(story, `virsh -q start ${ID}`);
  await untilLogged(story, 'VM loop .* → running');
  expect(await toldVms(story)).toMatchObject({
    libvirt: { available: true },
    vms: [{ id: ID, name: 'loop', state: 'running', cpus: 1, memory: 32 * 2 ** 20 }],
  });
  await pressInTurn(story, ['f1']);
  await untilScreenShows(story, '1 running');
  await succeed(story, `virsh -q destroy ${ID}`);
  await untilLogged(story, 'VM loop .* running → shutoff');
}

/** Kills the agent and the console on the screen, and checks that both are restarted; the agent's log continues. */
export async function expectRestartsAfterKill(story: Story): Promise<void> {
  const before = await succeed(story, 'pidof qx-node');
  await succeed(story, 'kill -9 $(pidof qx-node)');
  await untilListening(story, 2);
  expect(await succeed(story, 'pidof qx-node')).not.toBe(before);
  expect(await succeed(story, 'rc-service qx-node status')).toContain('started');
  expect(await succeed(story, 'cat /var/log/quantix/node.log')).toContain('running → shutoff');
  await succeed(story, killUntilReplaced('pgrep -of ^/usr/sbin/qx-console'));
}

/** Checks that qx-node and the screen report that the agent does not run. */
export async function expectEndReported(story: Story): Promise<void> {
  await succeed(story, 'rc-service qx-node stop');
  expect(await succeed(story, 'qx-node status; true')).toContain('qx-node is not running');
  await untilScreenShows(story, 'qx-node is not running');
}
