import { Code, ConnectError } from '@connectrpc/connect';
import { expect } from 'vitest';
import { TaskErrorCode, TaskState } from '../../apps/proto/gen/quantix/v1/task_pb.js';
import { networkAgent } from '../unit/apps/agent/commands/network-agent.ts';
import { begin, goStatic } from './world/story.ts';
import { test } from './world/test.ts';
import { until } from './world/until.ts';

/** The real qx-network applies the control plane's configuration, and undoes it if the control plane is not reached. */
test('a network configuration from the control plane stays if the host reaches the control plane, and is undone if not', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  machine.start('/usr/sbin/qx-network', 'watch');
  await until('the watch is there', () => machine.read('/run/quantix/network/monitor.pid'));
  const { plane, agent, configure, give } = await networkAgent(
    `exec nsenter --net --mount --pid --uts --target ${machine.pid} -- chroot ${machine.root} /usr/sbin/qx-network "$@"`,
  );
  const lines = (host: number) => [
    `IP_ADDRESS=${lan.host(host)}`,
    'PREFIX=24',
    `GATEWAY=${lan.gateway}`,
  ];
  const address = async () => (await machine.state('eth0')).addresses;
  expect(await configure(lines(8), 600)).toMatchObject({ state: TaskState.DONE });
  expect(await address()).toEqual([`${lan.host(8)}/24`]);
  expect((await machine.statusOf('eth0')).confirm).toBeNull();
  expect(await machine.read('/quantix/network/eth0.conf')).toMatch(lan.host(8));

  plane.fault.before = ({ method }) => {
    if (method === 'heartbeat') throw new ConnectError('lost', Code.Unavailable);
  };
  const unheard = await configure(lines(9), 10);
  expect(unheard.error).toMatchObject({ code: TaskErrorCode.TIMEOUT });
  expect(unheard.error?.message).toContain(`it is undone: eth0 has ${lan.host(8)}/24`);
  expect(await address()).toEqual([`${lan.host(8)}/24`]);

  // The agent ends before it has reached the control plane, so nobody confirms the change.
  const id = give(lines(10), 600);
  await until('it is on trial', async () => (await machine.statusOf('eth0')).confirm ?? undefined);
  await until(
    'it has the address',
    async () => (await address())[0] === `${lan.host(10)}/24` || undefined,
  );
  await agent.stop();
  plane.fault = {};
  await agent.start();
  await agent.clock.skip();
  const end = await plane.node().tasks.ended(id);
  expect(end.error).toMatchObject({ code: TaskErrorCode.INTERRUPTED });
  await machine.succeed("sed -i 's/^[0-9]*/0/' /run/quantix/network/eth0/trial");
  await until(
    'it is undone',
    async () => (await address())[0] === `${lan.host(8)}/24` || undefined,
  );
});
