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
import { listeningPorts } from '../vm/guest-networks.ts';
import { boot, imageOf, logIn, type Story, succeed, untilSucceeds } from '../vm/story.ts';

/** Milliseconds; both machines are emulated at the same time. */
const STORY = 1_800_000;

/** The network of both machines, identified by a UDP port of this host. */
const SEGMENT = randomInt(49_152, 65_536);

/** The first and the later address of each machine. */
const HOST = { name: 'node7', now: '10.77.0.11/24', later: '10.77.0.12/24' };
const QVDC = {
  now: '10.77.0.1/24',
  later: '10.77.0.2/24',
  origin: 'https://10.77.0.1:9443',
  /** What DHCP gives it, and gives it after both were off: no host is told of either before. */
  leased: '10.77.0.50',
  leasedLater: '10.77.0.60',
};

/** Address of QvDC that no file gives it: of its card, whose MAC address ends in 1. */
const LINK_LOCAL = 'fe80::5054:ff:fe77:1%eth0';

/** A client certificate on the host's config drive that is signed by itself. */
const FOREIGN = { pem: '/quantix/foreign.pem', key: '/quantix/foreign.key' };

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

/** The same machine, which brings a DHCP server to the network. @param first the address that the machine gets */
function withDhcp(given: Machine, first: string): Machine {
  const { segment } = given;
  if (segment === undefined) throw new Error('a machine without a network');
  const dhcp = { network: '10.77.0.0/24', own: '10.77.0.254', first };
  return { ...given, segment: { ...segment, dhcp } };
}

/** Waits until QvDC has an address of DHCP. */
const untilLeased = (qvdc: Story, address: string) =>
  untilSucceeds(qvdc, `ip -4 -o address show dev eth0 | grep -qF ' ${address}/24 '`);

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
    files: planConfigDrive({ hostname: 'qvdc', address: QVDC.now }),
    place: 1,
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
    place: 2,
  });
}

/** Of the ports on which something listens on QvDC, and of a few others, the host can connect to two, by IPv4 and IPv6. */
async function expectOpenPorts(host: Story, qvdc: Story): Promise<void> {
  const listening = await listeningPorts(qvdc);
  expect(listening).toEqual(expect.arrayContaining([443, 2379, 9443]));
  const ports = new Set([...listening, 22, 80, 5432, 6379]);
  for (const address of [plain(QVDC.now), LINK_LOCAL]) {
    await succeed(host, `ping -c 1 -W 5 ${address}`);
    const connect = `timeout 20 bash -c ": </dev/tcp/${address}/$p" 2>/dev/null`;
    // All at once: what is dropped never answers.
    const all = `for p in ${[...ports].join(' ')}; do { ${connect} && echo $p; } & done; wait`;
    const answers = (await succeed(host, `sh -c '${all}'`)).trim().split('\n').map(Number);
    expect(answers.sort((a, b) => a - b)).toEqual([443, 9443]);
  }
}

/** Sends a request for people's API from the host, with a client certificate that QvDC did not sign. @returns the answer's status */
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

/** Whoever guesses passwords, keys and sessions on the host is refused, and QvDC notes it and goes on. */
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

/** Waits until hosts have finished all tasks. */
async function expectTasksDone(qvdc: Story, verbs: readonly string[]): Promise<void> {
  const { tasks } = await told(qvdc, 'tasks list', fleetTasksSchema);
  expect(tasks.map(({ verb, state }) => `${verb} ${state}`)).toEqual(
    verbs.map((verb) => `${verb} DONE`),
  );
}

test(
  'a host with a config drive joins QvDC unattended; QvDC discovers, stops and starts its machine, without Redis and etcd; only two ports of QvDC are open, and no guessed secret is accepted; both can change their addresses, also while both are off; a silent host is disconnected, and a deleted one stays deleted',
  async () => {
    const qvdcWas = await qvdcMachine();
    let hostWas: Machine;
    {
      await using qvdc = await boot('pair-qvdc', withDhcp(qvdcWas, QVDC.leased));
      await qvdc.guest.waitForMilestone('ready');
      await logIn(qvdc);
      await untilSucceeds(qvdc, 'qx-controlplane token list >/dev/null 2>&1');
      const { joinToken } = await told(qvdc, 'token create', newTokenSchema);
      await succeed(qvdc, 'rc-service etcd stop && rc-service redis stop');
      hostWas = await hostMachine(joinToken);
      await expectWorks(qvdc, hostWas);
      await untilFound(qvdc, ADDRESS, `${plain(HOST.now)}|DISCONNECTED`);
      const { vms } = await told(qvdc, 'vms list', fleetVmsSchema);
      expect(vms).toMatchObject([{ id: VM, powerState: 'RUNNING', known: 'last-seen' }]);
      await succeed(qvdc, 'qx-network dhcp eth0');
      await untilLeased(qvdc, QVDC.leased);
      qvdc.expectGoodConsole();
    }
    await using qvdc = await boot('pair-qvdc-again', withDhcp(qvdcWas, QVDC.leasedLater));
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

/** Expects a host to join a control plane whose Redis and etcd are stopped, and all that both do together. */
async function expectWorks(qvdc: Story, wanted: Machine): Promise<void> {
  await using host = await boot('pair-host', wanted);
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
  await succeed(qvdc, 'rc-service etcd start && rc-service redis start');
  await expectOpenPorts(host, qvdc);
  await expectGuessesRefused(host, qvdc);

  for (const address of [HOST.later, HOST.now]) {
    await succeed(host, `qx-network static eth0 ${address}`);
    await untilFound(qvdc, ADDRESS, `${plain(address)}|READY`);
  }

  const change = `address change eth0 ${QVDC.later} --within 5m --yes`;
  expect(await succeed(qvdc, `qx-controlplane ${change} 2>&1`)).toContain(
    `eth0 has ${plain(QVDC.later)}: 1 host connected to it.`,
  );
  const { planned, nodes } = await told(qvdc, 'address show', fleetAddressSchema);
  expect({ planned, nodes }).toMatchObject({
    ...{ planned: [], nodes: [{ hostname: HOST.name, over: plain(QVDC.later) }] },
  });
  await succeed(host, `virsh -q suspend ${VM}`);
  await untilFound(qvdc, POWER, 'PAUSED|host-discovered|f');
  await succeed(host, `virsh -q resume ${VM}`);
  await untilFound(qvdc, POWER, 'RUNNING|host-discovered|f');
  host.expectGoodConsole();
}
