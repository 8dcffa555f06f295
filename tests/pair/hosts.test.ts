import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type * as z from 'zod';
import {
  fleetNodesSchema,
  fleetTasksSchema,
  fleetVmsSchema,
  newTokenSchema,
} from '../../apps/api/fleet.ts';
import { planConfigDrive } from '../../build/image/config-drive/plan.ts';
import { writeFatDrive } from '../../build/image/config-drive/write.ts';
import type { Disk, Machine } from '../../build/qemu/machine.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { dataDisk } from '../vm/data-disk.ts';
import { boot, imageOf, logIn, type Story, succeed, untilSucceeds } from '../vm/story.ts';

/** Milliseconds; both machines are emulated at the same time. */
const STORY = 1_800_000;

/** The network that both are on, by a UDP port of this host. */
const SEGMENT = randomInt(49_152, 65_536);

/** The first address of each, and the later one. */
const HOST = { name: 'node7', now: '10.77.0.11/24', later: '10.77.0.12/24' };
const QVDC = {
  now: '10.77.0.1/24',
  later: '10.77.0.2/24',
  origin: 'https://10.77.0.1:9443',
  laterOrigin: 'https://10.77.0.2:9443',
};

const plain = (address: string) => address.replace(/\/.*/, '');

const VM = '9f1b2c3d-0000-4000-8000-00000000abcd';

/** A machine that stays in its firmware. */
const DEFINITION =
  `<domain type="qemu"><name>loop</name><uuid>${VM}</uuid><memory unit="MiB">32</memory><vcpu>1</vcpu>` +
  '<os><type arch="x86_64" machine="pc">hvm</type></os></domain>';

/** Returns the output of a command of the control plane, which is JSON. */
async function told<T>(qvdc: Story, command: string, schema: z.ZodType<T>): Promise<T> {
  return schema.parse(JSON.parse(await succeed(qvdc, `qx-controlplane ${command} --json`)));
}

/** Returns the result of a query of the database, as psql prints it unaligned. */
const query = (sql: string) =>
  `su -s /bin/sh postgres -c "psql -qAt -d quantix_vdc -c \\"${sql}\\""`;

/** Waits until a query finds a line. */
const untilFound = (qvdc: Story, sql: string, line: string) =>
  untilSucceeds(qvdc, `${query(sql)} | grep -qxF '${line}'`);

const ADDRESS = `SELECT management_ip, phase FROM nodes WHERE hostname = '${HOST.name}'`;
const POWER = `SELECT power_state, origin, is_managed FROM virtual_machines WHERE id = '${VM}'`;

/** A machine of an image, with a config drive and further disks, on the network that both are on. */
async function machine(
  profile: string,
  { label, files, place, disks = [] }: Wanted,
): Promise<Machine> {
  const drive = join(await temporaryFolder(), 'drive.img');
  await writeFatDrive(drive, { label, files });
  return {
    firmware: 'bios',
    medium: { as: 'cdrom', image: imageOf(profile).iso },
    disks: [{ file: drive, format: 'raw', bus: 'virtio' }, ...disks],
    segment: { port: SEGMENT, mac: `52:54:00:77:00:0${place}` },
  };
}

interface Wanted {
  label: string;
  /** Files on its config drive. */
  files: Record<string, string>;
  /** Last digit of its card's address. */
  place: number;
  disks?: readonly Disk[];
}

async function qvdcMachine(): Promise<Machine> {
  const data = await dataDisk(await temporaryFolder(), 'QVDC-DATA');
  return await machine('qvdc', {
    label: 'QVDC-CFG',
    files: {
      ...planConfigDrive({ hostname: 'qvdc', address: QVDC.now }),
      '/vdc/config.yaml': `agents:\n  announce:\n    - ${QVDC.laterOrigin}\n`,
    },
    place: 1,
    disks: [{ file: data, format: 'raw', bus: 'virtio' }],
  });
}

async function hostMachine(joinToken: string): Promise<Machine> {
  const joins = { controlPlane: QVDC.origin, joinToken };
  return await machine('quantix-os', {
    label: 'QUANTIX-CFG',
    files: planConfigDrive({ hostname: HOST.name, address: HOST.now, ...joins }),
    place: 2,
  });
}

/** Waits until hosts have finished all tasks. */
async function expectTasksDone(qvdc: Story, verbs: readonly string[]): Promise<void> {
  const { tasks } = await told(qvdc, 'tasks list', fleetTasksSchema);
  expect(tasks.map(({ verb, state }) => `${verb} ${state}`)).toEqual(
    verbs.map((verb) => `${verb} DONE`),
  );
}

test(
  'a host with a config drive joins QvDC by itself and is READY; a machine that is started there is discovered, is stopped and started from QvDC; the address of the host follows, that of QvDC changes as was announced, and a host that is gone is disconnected, its machine as it was seen last; once deleted, it stays so',
  async () => {
    await using qvdc = await boot('pair-qvdc', await qvdcMachine());
    await qvdc.guest.waitForMilestone('ready');
    await logIn(qvdc);
    await untilSucceeds(qvdc, 'qx-controlplane token list >/dev/null 2>&1');
    const { joinToken } = await told(qvdc, 'token create', newTokenSchema);
    {
      await using host = await boot('pair-host', await hostMachine(joinToken));
      await host.guest.waitForMilestone('ready');
      await logIn(host);
      await untilFound(qvdc, ADDRESS, `${plain(HOST.now)}|READY`);

      await succeed(host, `echo '${DEFINITION}' >/tmp/loop.xml && virsh -q define /tmp/loop.xml`);
      await succeed(host, `virsh -q start ${VM}`);
      await untilFound(qvdc, POWER, 'RUNNING|host-discovered|f');
      await succeed(qvdc, 'qx-controlplane vms stop loop');
      expect(await succeed(host, `virsh domstate ${VM}`)).toMatch('shut off');
      await untilFound(qvdc, POWER, 'SHUT_OFF|host-discovered|f');
      await succeed(qvdc, 'qx-controlplane vms start loop');
      expect(await succeed(host, `virsh domstate ${VM}`)).toMatch('running');
      await untilFound(qvdc, POWER, 'RUNNING|host-discovered|f');
      await expectTasksDone(qvdc, ['startVm', 'stopVm']);

      for (const address of [HOST.later, HOST.now]) {
        await succeed(host, `qx-network static eth0 ${address}`);
        await untilFound(qvdc, ADDRESS, `${plain(address)}|READY`);
      }

      await succeed(qvdc, `qx-network static eth0 ${QVDC.later}`);
      await succeed(host, `virsh -q suspend ${VM}`);
      await untilFound(qvdc, POWER, 'PAUSED|host-discovered|f');
      await succeed(host, `virsh -q resume ${VM}`);
      await untilFound(qvdc, POWER, 'RUNNING|host-discovered|f');
      host.expectGoodConsole();
    }
    await untilFound(qvdc, ADDRESS, `${plain(HOST.now)}|DISCONNECTED`);
    const { vms } = await told(qvdc, 'vms list', fleetVmsSchema);
    expect(vms).toMatchObject([{ id: VM, powerState: 'RUNNING', known: 'last-seen' }]);
    await succeed(qvdc, `qx-controlplane nodes delete ${HOST.name} --yes`);
    expect(await told(qvdc, 'nodes list', fleetNodesSchema)).toEqual({ nodes: [] });
    qvdc.expectGoodConsole();
  },
  STORY,
);
