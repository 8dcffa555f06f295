import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type * as z from 'zod';
import { fleetAddressSchema } from '../../apps/api/address.ts';
import { fleetAuditSchema } from '../../apps/api/audit.ts';
import {
  fleetNodesSchema,
  fleetTasksSchema,
  fleetVmsSchema,
  newTokenSchema,
} from '../../apps/api/fleet.ts';
import { planConfigDrive } from '../../build/image/config-drive/plan.ts';
import { writeFatDrive } from '../../build/image/config-drive/write.ts';
import type { Disk, Machine } from '../../build/qemu/machine.ts';
import { makeCertificate } from '../control-plane/certificates.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { dataDisk } from '../vm/data-disk.ts';
import { boot, imageOf, logIn, type Story, succeed, untilSucceeds } from '../vm/story.ts';
import { DhcpServer } from './dhcp-server.ts';

/** Milliseconds; both machines are emulated at the same time. */
const STORY = 1_800_000;

/** The virtual network of both machines, identified by a UDP port of this host. */
const SEGMENT = randomInt(49_152, 65_536);

/** Host: its name, its first address, and a later one. */
const HOST = { name: 'node7', now: '10.77.0.11/24', later: '10.77.0.12/24' };
/** QvDC: its first address and a later one, and how hosts reach it. */
const QVDC = {
  now: '10.77.0.1/24',
  later: '10.77.0.2/24',
  origin: 'https://10.77.0.1:9443',
  laterOrigin: 'https://10.77.0.2:9443',
  /** A further origin that its configuration announces to hosts. */
  announced: 'https://10.77.0.3:9443',
  /** Its addresses from DHCP: at first, and after both machines were off. Nobody announces these to the host. */
  leased: '10.77.0.50',
  leasedLater: '10.77.0.60',
};

/** Link-local address of QvDC, which follows from the MAC address of its card. */
const LINK_LOCAL = 'fe80::5054:ff:fe77:1%eth0';

/** A self-signed client certificate and its key, on the host's config drive. */
const FOREIGN = { pem: '/quantix/foreign.pem', key: '/quantix/foreign.key' };

const plain = (address: string) => address.replace(/\/.*/, '');

const VM = '9f1b2c3d-0000-4000-8000-00000000abcd';

/** Virtual machines: one that is removed while QvDC is off, and one that is defined then. */
const GONE = '9f1b2c3d-0000-4000-8000-000000009043';
const BORN = '9f1b2c3d-0000-4000-8000-00000000b043';

/** Defines a virtual machine without a disk, which stays in its firmware. */
async function define(host: Story, id: string, name: string): Promise<void> {
  const definition =
    `<domain type="qemu"><name>${name}</name><uuid>${id}</uuid><memory unit="MiB">32</memory><vcpu>1</vcpu>` +
    '<os><type arch="x86_64" machine="pc">hvm</type></os></domain>';
  await succeed(host, `echo '${definition}' >/tmp/vm.xml && virsh -q define /tmp/vm.xml`);
}

/** Runs a command of the control plane. @returns its JSON output, parsed */
async function told<T>(qvdc: Story, command: string, schema: z.ZodType<T>): Promise<T> {
  return schema.parse(JSON.parse(await succeed(qvdc, `qx-controlplane ${command} --json`)));
}

/** Returns a command that prints the result of a query of the database, with fields separated by `|`. */
const query = (sql: string) =>
  `su -s /bin/sh postgres -c "psql -qAt -d quantix_vdc -c \\"${sql}\\""`;

/** Waits until the result of a query contains a line. */
const untilFound = (qvdc: Story, sql: string, line: string) =>
  untilSucceeds(qvdc, `${query(sql)} | grep -qxF '${line}'`);

const ADDRESS = `SELECT management_ip, phase FROM nodes WHERE hostname = '${HOST.name}'`;
const powerOf = (vm: string) =>
  `SELECT power_state, origin, is_managed FROM virtual_machines WHERE id = '${vm}'`;

const MACHINES =
  "SELECT string_agg(name || ' ' || power_state, ', ' ORDER BY name) FROM virtual_machines";

/** Last digit of the MAC address of each machine’s card. */
const PLACES = { qvdc: 1, host: 2 };

const macOf = (place: number) => `52:54:00:77:00:0${place}`;

/** A machine that boots an image, with a config drive and further disks, on the network of both machines. */
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
    segment: { port: SEGMENT, mac: macOf(place) },
  };
}

/** Waits until QvDC has this address from DHCP. */
const untilLeased = (qvdc: Story, address: string) =>
  untilSucceeds(qvdc, `ip -4 -o address show dev eth0 | grep -qF ' ${address}/24 '`);

interface Wanted {
  label: string;
  /** Files on its config drive. */
  files: Record<string, string>;
  /** Last digit of its card's MAC address. */
  place: number;
  disks?: readonly Disk[];
}

async function qvdcMachine(): Promise<Machine> {
  const data = await dataDisk(await temporaryFolder(), 'QVDC-DATA');
  return await machine('qvdc', {
    label: 'QVDC-CFG',
    files: {
      ...planConfigDrive({ hostname: 'qvdc', address: QVDC.now }),
      '/vdc/config.yaml': `agents:\n  announce:\n    - ${QVDC.announced}\n`,
    },
    place: PLACES.qvdc,
    disks: [{ file: data, format: 'raw', bus: 'virtio' }],
  });
}

async function hostMachine(joinToken: string): Promise<Machine> {
  const joins = { controlPlane: QVDC.origin, joinToken };
  const foreign = await makeCertificate({ name: 'admin' });
  return await machine('quantix-os', {
    label: 'QUANTIX-CFG',
    files: {
      ...planConfigDrive({ hostname: HOST.name, address: HOST.now, ...joins }),
      ...{ '/foreign.pem': foreign.pem, '/foreign.key': foreign.key },
    },
    place: PLACES.host,
  });
}

/**
 * Checks that the host can connect to two ports of QvDC only, by IPv4 and IPv6; tries all ports on which QvDC listens,
 * and a few others.
 */
async function expectOpenPorts(host: Story, qvdc: Story): Promise<void> {
  await untilSucceeds(qvdc, 'wget -q -O /dev/null http://127.0.0.1:2379/health');
  const list = 'cat /proc/net/tcp /proc/net/tcp6';
  const hex = `${list} | awk '$4 == "0A" { split($2, w, ":"); print w[2] }' | sort -u`;
  const listening = (await succeed(qvdc, hex))
    .trim()
    .split('\n')
    .map((port) => Number.parseInt(port, 16));
  expect(listening).toEqual(expect.arrayContaining([443, 2379, 9443]));
  const ports = new Set([...listening, 22, 80, 5432, 6379]);
  for (const address of [plain(QVDC.now), LINK_LOCAL]) {
    await succeed(host, `ping -c 1 -W 5 ${address}`);
    const connect = `timeout 20 bash -c ": </dev/tcp/${address}/$p" 2>/dev/null`;
    // All ports at the same time, because each attempt at a blocked port takes the whole time limit.
    const all = `for p in ${[...ports].join(' ')}; do { ${connect} && echo $p; } & done; wait`;
    const answers = (await succeed(host, `sh -c '${all}'`)).trim().split('\n').map(Number);
    expect(answers.sort((a, b) => a - b)).toEqual([443, 9443]);
  }
}

/**
 * Sends a request to the API for people from the host, with a client certificate that QvDC did not sign.
 * @returns the answer's status
 */
async function ask(
  host: Story,
  method: string,
  path: string,
  more: readonly string[] = [],
  body = '',
) {
  const head = [`${method} ${path} HTTP/1.1`, 'Host: qvdc', 'Connection: close', ...more];
  const request = [...head, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n');
  const sent = `echo ${Buffer.from(request).toString('base64')} | base64 -d`;
  const client = `openssl s_client -quiet -cert ${FOREIGN.pem} -key ${FOREIGN.key} -connect ${plain(QVDC.now)}:443`;
  const answer = await succeed(host, `${sent} | timeout 60 ${client} 2>/dev/null | head -n 1`);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
}

/** Checks that guesses of passwords, keys and sessions from the host are refused and recorded, and QvDC still answers. */
async function expectGuessesRefused(host: Story, qvdc: Story): Promise<void> {
  const json = 'Content-Type: application/json';
  for (const username of ['admin', "' OR 1=1 --"]) {
    const guess = JSON.stringify({ username, password: 'correct horse battery' });
    expect(await ask(host, 'POST', '/v1/session', [json], guess)).toBe(401);
  }
  for (const guess of [
    ...['Authorization: Bearer qxk_guessed', 'Cookie: __Host-qx-session=guessed'],
    ...['Accept: */*'],
  ]) {
    expect(await ask(host, 'GET', '/v1/users', [guess])).toBe(401);
  }
  expect(await ask(host, 'GET', '/v1/../../quantix/vdc/ca.pem')).toBe(404);
  expect(await ask(host, 'GET', '/healthz')).toBe(200);
  const { entries } = await told(qvdc, 'audit list --action session', fleetAuditSchema);
  const failure = { action: 'session.begin', result: 'failure', address: plain(HOST.now) };
  expect(entries).toMatchObject([
    { ...failure, username: 'admin' },
    { ...failure, username: "' OR 1=1 --" },
  ]);
}

/** Checks that the tasks are exactly these, and all are done. */
async function expectTasksDone(qvdc: Story, verbs: readonly string[]): Promise<void> {
  const { tasks } = await told(qvdc, 'tasks list', fleetTasksSchema);
  expect(tasks.map(({ verb, state }) => `${verb} ${state}`)).toEqual(
    verbs.map((verb) => `${verb} DONE`),
  );
}

/** Checks that a virtual machine that is started on the host is discovered, and can be stopped and started from QvDC. */
async function expectActions(host: Story, qvdc: Story): Promise<void> {
  await define(host, VM, 'loop');
  await succeed(host, `virsh -q start ${VM}`);
  await untilFound(qvdc, powerOf(VM), 'RUNNING|host-discovered|f');
  await succeed(qvdc, 'qx-controlplane vms stop loop');
  expect(await succeed(host, `virsh domstate ${VM}`)).toMatch('shut off');
  await untilFound(qvdc, powerOf(VM), 'SHUT_OFF|host-discovered|f');
  await succeed(qvdc, 'qx-controlplane vms start loop');
  expect(await succeed(host, `virsh domstate ${VM}`)).toMatch('running');
  await untilFound(qvdc, powerOf(VM), 'RUNNING|host-discovered|f');
  await expectTasksDone(qvdc, ['startVm', 'stopVm']);
}

/**
 * Checks that changes of virtual machines while the control plane is stopped for a minute are recorded when it is
 * started, and that tasks reach the host again.
 */
async function expectNothingMissed(host: Story, qvdc: Story): Promise<void> {
  await define(host, GONE, 'gone');
  await untilFound(qvdc, powerOf(GONE), 'SHUT_OFF|host-discovered|f');
  await succeed(qvdc, 'rc-service qx-controlplane stop && cut -d. -f1 /proc/uptime >/tmp/off');
  await succeed(host, `virsh -q suspend ${VM}`);
  await succeed(host, `virsh -q undefine ${GONE}`);
  await define(host, BORN, 'born');
  await succeed(host, `virsh -q start ${BORN}`);
  const isOver = '[ $(cut -d. -f1 /proc/uptime) -ge $(($(cat /tmp/off) + 60)) ]';
  await untilSucceeds(qvdc, isOver);
  await succeed(qvdc, 'rc-service qx-controlplane start');
  await untilFound(qvdc, MACHINES, 'born RUNNING, loop PAUSED');
  await succeed(qvdc, 'qx-controlplane vms stop born --within 10m');
  await succeed(host, `virsh -q undefine ${BORN} && virsh -q resume ${VM}`);
  await untilFound(qvdc, MACHINES, 'loop RUNNING');
}

/** Changes the address of QvDC, and checks that it stays changed because the host connects to the new one. */
async function expectAddressChange(host: Story, qvdc: Story): Promise<void> {
  const change = `address change eth0 ${QVDC.later} --within 5m --yes`;
  const lines = await succeed(qvdc, `qx-controlplane ${change} 2>&1`);
  expect(lines).toContain(`1 host gets the address ${plain(QVDC.later)}.`);
  expect(lines).toContain(`eth0 has ${plain(QVDC.later)}: 1 host connected to it.`);
  expect(await told(qvdc, 'address show', fleetAddressSchema)).toMatchObject({
    origins: expect.arrayContaining([QVDC.laterOrigin, QVDC.announced]),
    planned: [],
    nodes: [{ hostname: HOST.name, over: plain(QVDC.later) }],
  });
  await succeed(host, `virsh -q suspend ${VM}`);
  await untilFound(qvdc, powerOf(VM), 'PAUSED|host-discovered|f');
  await succeed(host, `virsh -q resume ${VM}`);
  await untilFound(qvdc, powerOf(VM), 'RUNNING|host-discovered|f');
}

test(
  'a host with a config drive joins QvDC by itself and is READY; a machine that is started there is discovered, is stopped and started from QvDC, all of this without Redis and etcd; the host reaches only the ports 443 and 9443 of QvDC, and its guesses of passwords, keys and sessions are refused; what changes on the host while QvDC is off for a minute is recorded afterwards; the address of QvDC is changed, and kept because the host connects to the new one; the address of the host follows; a host whose power is cut is shown as disconnected, and its machine as last seen; after both were off, the host finds QvDC on the LAN at another address from DHCP; once the host is deleted, it stays deleted',
  async () => {
    await using dhcp = await DhcpServer.open(SEGMENT);
    dhcp.lease(macOf(PLACES.qvdc), QVDC.leased);
    const qvdcWas = await qvdcMachine();
    let hostWas: Machine;
    {
      await using qvdc = await boot('pair-qvdc', qvdcWas);
      await qvdc.guest.waitForMilestone('ready');
      await logIn(qvdc);
      await untilFound(qvdc, 'SELECT epoch > 0 FROM leadership', 't');
      const { joinToken } = await told(qvdc, 'token create', newTokenSchema);
      await succeed(qvdc, 'rc-service etcd stop && rc-service redis stop');
      hostWas = await hostMachine(joinToken);
      {
        await using host = await boot('pair-host', hostWas);
        await host.guest.waitForMilestone('ready');
        await logIn(host);
        await untilFound(qvdc, ADDRESS, `${plain(HOST.now)}|READY`);
        await expectActions(host, qvdc);
        await succeed(qvdc, 'rc-service etcd start && rc-service redis start');
        await expectOpenPorts(host, qvdc);
        await expectGuessesRefused(host, qvdc);
        await expectNothingMissed(host, qvdc);
        await expectAddressChange(host, qvdc);
        for (const address of [HOST.later, HOST.now]) {
          await succeed(host, `qx-network static eth0 ${address}`);
          await untilFound(qvdc, ADDRESS, `${plain(address)}|READY`);
        }
        host.expectGoodConsole();
        // The host's power is cut here, soon after it has written its files about QvDC and its network.
      }
      await succeed(qvdc, 'qx-network dhcp eth0');
      await untilLeased(qvdc, QVDC.leased);
      await untilFound(qvdc, ADDRESS, `${plain(HOST.now)}|DISCONNECTED`);
      const { vms } = await told(qvdc, 'vms list', fleetVmsSchema);
      expect(vms).toMatchObject([{ id: VM, powerState: 'RUNNING', known: 'last-seen' }]);
      qvdc.expectGoodConsole();
    }
    dhcp.lease(macOf(PLACES.qvdc), QVDC.leasedLater);
    await using qvdc = await boot('pair-qvdc-again', qvdcWas);
    await using host = await boot('pair-host-again', hostWas);
    await qvdc.guest.waitForMilestone('ready');
    await logIn(qvdc);
    await untilLeased(qvdc, QVDC.leasedLater);
    await untilFound(qvdc, ADDRESS, `${plain(HOST.now)}|READY`);
    await succeed(qvdc, `qx-controlplane nodes delete ${HOST.name} --yes`);
    await host.guest.waitForMilestone('ready');
    await logIn(host);
    await untilSucceeds(host, "qx-node status | grep -q 'was deleted from the control plane'");
    expect(await told(qvdc, 'nodes list', fleetNodesSchema)).toEqual({ nodes: [] });
    for (const one of [qvdc, host]) one.expectGoodConsole();
  },
  STORY,
);
