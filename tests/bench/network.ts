import { hindrance } from '../net/world/hindrance.ts';
import { Lan } from '../net/world/lan.ts';
import { Machine } from '../net/world/machine.ts';
import { makeTemplate } from '../net/world/template.ts';
import { until } from '../net/world/until.ts';
import { type Figure, median, secondsOf } from './measure.ts';

/** Measures `qx-network` on the host, in namespaces: a static address from call to verified, and carrier to milestone. */
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
      // Four seconds of it are the address conflict detection (RFC 5227).
      limit: 5.5,
      unit: 's',
    },
    { what: 'network: from carrier to milestone', value: median(leased), limit: 1, unit: 's' },
  ];
}
