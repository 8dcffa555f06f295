import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hindrance } from '../net/world/hindrance.ts';
import { Lan } from '../net/world/lan.ts';
import { Machine } from '../net/world/machine.ts';
import { startProgram } from '../net/world/program.ts';
import { makeTemplate } from '../net/world/template.ts';
import { until } from '../net/world/until.ts';
import { type Figure, median, secondsOf } from './measure.ts';

/**
 * Measures `qx-network` in network namespaces of this host: the time from the call that sets a static address until the
 * address is verified, and the time from carrier to milestone. Measures the agent: the time from a change of address to
 * the heartbeat that reports it to the control plane.
 */
export async function measureNetwork(runs: number): Promise<Figure[]> {
  if (hindrance !== '') {
    console.error(`Not measured, since namespaces cannot be made (${hindrance}): the network`);
    return [];
  }
  const fixed: number[] = [];
  const leased: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    await using stack = new AsyncDisposableStack();
    const template = stack.use(await makeTemplate('ash'));
    const machine = stack.use(await Machine.create(template.root));
    const lan = stack.use(await Lan.create());
    const cable = await lan.plug(machine, 'eth0');
    await lan.serveDhcp();
    await lan.ip('link', 'set', cable, 'down');
    machine.start('/usr/sbin/qx-network', 'watch');
    await until('the client waits for a server', async () => {
      const { method, dhcp } = await machine.statusOf('eth0');
      return (method !== null && dhcp) || undefined;
    });
    await lan.ip('link', 'set', cable, 'up');
    leased.push(
      await secondsOf(() =>
        until('the milestone', async () => (await machine.read('/dev/kmsg')) || undefined),
      ),
    );
    const wanted = ['static', 'eth0', `${lan.host(7)}/24`, '--gateway', lan.gateway];
    fixed.push(
      await secondsOf(async () => {
        const { status, stderr } = await machine.network(...wanted);
        if (status !== 0) throw new Error(`qx-network ${wanted.join(' ')}: ${stderr}`);
      }),
    );
  }
  return [
    {
      what: 'network: a static address, verified',
      value: median(fixed),
      // Four seconds of this time are the address conflict detection (RFC 5227).
      limit: 5.5,
      unit: 's',
    },
    { what: 'network: from carrier to milestone', value: median(leased), limit: 1, unit: 's' },
    {
      what: 'agent: a changed address is reported',
      value: await measureToldAddress(runs),
      limit: 2,
      unit: 's',
      note: 'from before the change to its heartbeat',
    },
  ];
}

/** Measures the seconds from the start of a change of address until the agent's heartbeat with the new one arrives. */
async function measureToldAddress(runs: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-bench-'));
  try {
    await using stack = new AsyncDisposableStack();
    const template = stack.use(await makeTemplate('ash'));
    const machine = stack.use(await Machine.create(template.root));
    const lan = stack.use(await Lan.create());
    await lan.plug(machine, 'eth0');
    const change = (address: string) =>
      machine.succeed(
        'ip addr flush dev eth0; ip link set eth0 up; ip addr add $1/24 dev eth0; ip route add default via $2',
        address,
        lan.gateway,
      );
    const told = (address: string) => agent.until(`heartbeat ${address}, asked ${address}`);
    await change(lan.host(7));
    const agent = stack.use(startProgram(machine, 'joined-agent.ts', folder));
    await told(lan.host(7));
    const taken: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const address = lan.host(8 + run);
      taken.push(
        await secondsOf(async () => {
          await change(address);
          await told(address);
        }),
      );
    }
    return median(taken);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
