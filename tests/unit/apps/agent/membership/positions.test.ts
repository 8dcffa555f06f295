import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { expect, onTestFinished, test } from 'vitest';
import type { ControlPlane } from '../../../../control-plane/control-plane.ts';
import { temporaryFolder } from '../../../folder.ts';
import { Agent, members, WEB } from './agent.ts';

/** Waits until the control plane's record equals the present state of the host. */
async function heard(plane: ControlPlane, agent: Agent): Promise<void> {
  const { ledger } = plane.node();
  await expect
    .poll(() => [ledger.managementAddress, [...ledger.vms.values()].map(({ name }) => name)])
    .toEqual([agent.address, agent.vms.map(({ name }) => name)]);
}

/** Changes the address and the machine of the host, so that they differ from the control plane's record. */
function change(agent: Agent, number: number): void {
  agent.address = `192.0.2.${number}`;
  agent.vms = [{ ...WEB, name: `web ${number}` }];
}

test('reports of a host that lost its start counter are accepted', async () => {
  const { plane, agent } = await members();
  for (const restart of [1, 2, 3]) {
    await agent.stop();
    change(agent, 20 + restart);
    await agent.start();
    await agent.clock.skip();
    await heard(plane, agent);
  }
  await agent.stop();
  await rm(`${agent.folder}/epoch`);
  change(agent, 30);
  await agent.start();
  await agent.clock.skip();
  await heard(plane, agent);
});

test.each(['1\n', '0\n', 'nonsense'])(
  'reports of a host whose start counter was reset to %j are accepted',
  async (epoch) => {
    const { plane, agent } = await members();
    await agent.stop();
    await agent.start();
    await agent.clock.skip();
    await plane.answered('heartbeat', 2);
    await agent.stop();
    await writeFile(`${agent.folder}/epoch`, epoch);
    change(agent, 31);
    await agent.start();
    await agent.clock.skip();
    await heard(plane, agent);
  },
);

test('the reports of two hosts with copies of one disk are both accepted', async () => {
  const { plane, agent } = await members();
  const folder = await temporaryFolder();
  await cp(agent.folder, folder, { recursive: true });
  const copy = new Agent(folder);
  onTestFinished(() => copy.stop());
  change(copy, 40);
  await copy.start();
  await copy.clock.skip();
  await heard(plane, copy);
  change(agent, 41);
  agent.membership.addressChanged();
  await heard(plane, agent);
});

test('a disk that cannot store the start counter is reported, and the host’s reports are accepted', async () => {
  const { plane, agent } = await members();
  await agent.stop();
  await rm(`${agent.folder}/epoch`);
  // A file cannot be renamed to the name of a folder that is not empty.
  await mkdir(`${agent.folder}/epoch/full`, { recursive: true });
  change(agent, 50);
  await agent.start();
  await agent.clock.skip();
  await heard(plane, agent);
  await expect
    .poll(() => agent.membership.status)
    .toMatchObject({
      state: 'connected',
      problem: expect.stringMatching(/the number of this run cannot be stored/),
    });
});

test('a host whose state cannot be recorded still sends heartbeats, and its status has the reason', async () => {
  const { plane, agent } = await members();
  plane.fault.before = ({ method }) => {
    if (method === 'syncFullState') throw new ConnectError('odd machine', Code.Internal);
  };
  await agent.stop();
  agent.address = '192.0.2.60';
  await agent.start();
  await agent.clock.skip();
  await expect.poll(() => plane.node().ledger.managementAddress).toBe('192.0.2.60');
  for (let beats = 3; beats < 6; beats += 1) {
    await agent.clock.skip();
  }
  await expect
    .poll(() => agent.membership.status)
    .toMatchObject({
      state: 'connected',
      problem: expect.stringMatching(/odd machine/),
    });
  plane.fault = {};
  change(agent, 61);
  for (;;) {
    if (plane.node().ledger.vms.get(WEB.id)?.name === 'web 61') break;
    await agent.clock.skip();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await expect
    .poll(() => agent.membership.status)
    .toMatchObject({ state: 'connected', problem: null });
});
