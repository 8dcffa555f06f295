import { expect, test } from 'vitest';
import { describeDataDisk } from '../../../../../apps/console/report/agent.ts';
import { describeMachine } from '../../../../../apps/console/report/machine.ts';
import { HOST, HYPERVISOR } from '../../../../screens/machine.ts';

test('a line is shown only if virtual machines are lost at a restart', async () => {
  const health = await HYPERVISOR.health(AbortSignal.timeout(1000));
  expect(describeDataDisk(health)).toEqual([]);
  const dataDisk = { persistent: false, problem: 'there is no data disk' };
  expect(describeDataDisk({ ...health, dataDisk })).toEqual([
    'virtual machines are lost at a restart: there is no data disk',
  ]);
});

test('the memory for changes is shown before it is full', () => {
  const host = { ...HOST, disks: [], nics: [] };
  const told = (used: number) =>
    describeMachine({ ...host, changes: { total: 1_000_000, used } }).filter(
      ({ label }) => label === 'Written below /',
    );
  expect(told(799_999)).toEqual([]);
  expect(told(800_000)).toEqual([
    { label: 'Written below /', text: expect.stringContaining('nearly full') as string },
  ]);
});
