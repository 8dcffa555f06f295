import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { askAgent } from '../../apps/agent/client/ask-agent.ts';
import { joinControlPlane } from '../../apps/agent/client/join.ts';
import { setMaintenance } from '../../apps/agent/client/maintenance.ts';
import { KeptSpecs } from '../../apps/agent/commands/kept-specs.ts';
import { run } from '../../apps/agent/run.ts';
import { healthSchema } from '../../apps/api/health.ts';
import { poolsSchema } from '../../apps/api/storage.ts';
import { PoolType } from '../../apps/proto/gen/quantix/v1/storage_pb.js';
import { ControlPlane } from '../control-plane/control-plane.ts';
import { spec } from '../unit/apps/agent/commands/specs.ts';
import { Lan } from './world/lan.ts';
import { Machine } from './world/machine.ts';
import { makeTemplate } from './world/template.ts';
import { test } from './world/test.ts';
import { until } from './world/until.ts';

const SPEC = spec();

/** A setting that outlives a restart: shell commands for the machine. */
interface Kept {
  /** Makes the setting, as an operator does. */
  write: string;
  /** Starts the program that reads the setting at boot; absent if it is read on demand. */
  boot?: string;
  /** Prints the setting, as its users see it. */
  read: string;
}

const service = (name: string) =>
  `RC_SVCNAME=${name} sh /lib/rc/sh/openrc-run.sh /etc/init.d/${name} start`;

/** The commands that sshd's service runs before it starts sshd. */
const SSHD =
  '(for part in persistence ssh/host-keys ssh/authorized-keys; do . /usr/lib/quantix/$part.sh; done; set_up_host_keys && install_authorized_keys)';

/**
 * A stand-in for OpenRC's rc-service, which is called only for sshd here: it starts a program that listens and sends
 * sshd's greeting.
 */
const RC_SERVICE = `#!/bin/sh
. /usr/lib/quantix/ssh/answer.sh
case "$*" in
*sshd*start)
  (while :; do echo SSH-2.0 | nc -l -p 22; done >/dev/null 2>&1 &)
  until is_listening; do usleep 20000; done
  ;;
esac
`;

/** Rows of docs/persistence.md that the appliance's own programs write. */
const ROWS: Readonly<Record<string, Kept>> = {
  'network/*.conf': {
    write: 'qx-network static eth0 $ADDRESS/24',
    boot: 'qx-network apply',
    read: 'ip -4 -o addr show dev eth0 | grep -o "inet [0-9./]*"',
  },
  hostname: { write: 'qx-hostname node7', boot: service('hostname'), read: 'hostname' },
  'time/servers': {
    write: 'qx-time servers ntp.example',
    boot: 'qx-time refresh',
    read: 'cat /run/quantix/ntp/*.sources',
  },
  keyboard: {
    write: 'qx-keyboard de',
    boot: 'qx-keyboard --kept',
    read: 'cat /tmp/loaded; qx-keyboard | grep "^[*]"',
  },
  'ssh/ssh_host_*_key': {
    write: SSHD,
    boot: SSHD,
    read: 'for type in ed25519 ecdsa; do ssh-keygen -y -f /etc/ssh/ssh_host_"$type"_key; done',
  },
  'ssh/authorized_keys': {
    write: 'ssh-keygen -q -t ed25519 -N "" -f /tmp/key && qx-ssh keys add </tmp/key.pub',
    boot: SSHD,
    read: 'cat /etc/ssh/authorized_keys.d/root',
  },
  'ssh/enabled': {
    write: 'qx-ssh on 2>/dev/null',
    boot: service('quantix-ssh'),
    read: 'until nc -w 1 127.0.0.1 22 </dev/null | grep -q SSH; do usleep 50000; done; qx-ssh status',
  },
  'auth/shadow': {
    write: 'echo "correct horse" | qx-password set',
    boot: service('quantix-password'),
    read: 'echo "correct horse" | qx-password check && ! echo "wrong horse" | qx-password check && echo right',
  },
  'lvm/system.devices': {
    write:
      '/usr/lib/quantix/storage/lvm-devices keep && echo IDNAME=S1 >>/etc/lvm/devices/system.devices',
    boot: '/usr/lib/quantix/storage/lvm-devices',
    read: 'cat /etc/lvm/devices/system.devices',
  },
  'iscsi/initiatorname.iscsi': {
    write: '/usr/lib/quantix/storage/initiator-name',
    boot: '/usr/lib/quantix/storage/initiator-name',
    read: 'cat /etc/iscsi/initiatorname.iscsi',
  },
  reset: { write: 'qx-reset request "$(hostname)"', read: 'qx-reset status' },
};

/** Rows of qx-node's commands, which the tests of `apps/agent/deployment` cover. */
const COMMANDS = ['node/deployment.json'];

/** Rows that the agent writes; see its test below. */
const AGENT = [
  ...['node.key', 'membership.json', 'epoch', 'node.yaml', 'metrics.pem', 'assigned-pools.json'],
  ...['maintenance', 'tasks.json', 'vms/*.json'],
];

/** Rows of the control plane, which the tests of `authority.ts`, `config.ts` and backups cover. */
const CONTROL_PLANE = [
  ...['vdc/ca.pem', 'vdc/config.yaml'],
  ...['vdc/backup.passphrase', 'vdc/restore/*', 'vdc/before-restore/*'],
];

/** Rows of updates, which the tests of `standing.ts` cover. */
const UPDATES = ['update/record.json', 'update/server.json', '.before/*'];

/** The row of the installer, which tests/vm/install.test.ts covers. */
const INSTALLER = ['install.json'];

/** Returns the paths of the first list of docs/persistence.md, without those of planned features. */
async function listed(): Promise<string[]> {
  const text = await readFile(join(import.meta.dirname, '../../docs/persistence.md'), 'utf8');
  const [configuration = ''] = text.split('\n## Data\n');
  return [...configuration.matchAll(/^\| `([^`]+)` +\|.*$/gm)]
    .filter(([line]) => !line.includes(' to come '))
    .map(([, path = '']) => path);
}

/** A folder that is a configuration disk. */
async function configurationDisk(): Promise<{ folder: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-cfg-'));
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

/** Returns a pattern for the paths of a row, relative to the disk. */
const pattern = (row: string) =>
  new RegExp(`^${row.replaceAll('.', '\\.').replace('*', '[^/]*')}$`);

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

test('a program writes each documented path, and its content takes effect after a restart', async () => {
  const agent = AGENT.map((name) => `node/${name}`);
  const others = [...COMMANDS, ...CONTROL_PLANE, ...UPDATES, ...INSTALLER];
  const paths = [...Object.keys(ROWS), ...agent, ...others];
  expect((await listed()).sort()).toEqual(paths.sort());
  await using stack = new AsyncDisposableStack();
  const programs = ['openssl', 'ssh-keygen'];
  const { root } = stack.use(await makeTemplate('ash', programs, 'quantix-os'));
  const { folder } = stack.use(await configurationDisk());
  const lan = stack.use(await Lan.create());
  /** Boots a machine that has only the disk in common with the earlier one. */
  const boot = async () => {
    const machine = await Machine.create(root);
    const attach = 'mount --bind "$0" /mnt/root/quantix && exec "$@"';
    await machine.by(['sh', '-c', attach, folder], ['/bin/true']);
    await machine.write('/etc/passwd', 'root:x:0:0::/:/bin/sh\n');
    await machine.write('/etc/shadow', 'root::20780:0:99999:7:::\n');
    await machine.write('/etc/hostname', 'quantix\n');
    await machine.write('/usr/sbin/rc-service', RC_SERVICE);
    await machine.write(
      '/usr/sbin/iscsi-iname',
      '#!/bin/sh\necho "iqn.2004-10.com.example:01:$(cat /proc/sys/kernel/random/uuid)"\n',
    );
    await machine.write('/usr/sbin/loadkeys', '#!/bin/sh\necho "$*" >/tmp/loaded\n');
    await machine.succeed(
      'ln -sf null /dev/tty0; chmod 755 /usr/sbin/loadkeys /usr/sbin/rc-service /usr/sbin/iscsi-iname; hostname localhost',
    );
    await lan.plug(machine, 'eth0');
    return machine;
  };
  const told = new Map<string, string>();
  {
    await using first = await boot();
    for (const [row, { write, boot: start = ':', read }] of Object.entries(ROWS)) {
      await first.succeed(`export ADDRESS=${lan.host(7)}; ${write} && { ${start}; }`);
      told.set(row, await first.succeed(read));
    }
  }
  const files = await filesBelow(folder);
  for (const row of Object.keys(ROWS)) {
    expect(
      files.filter((file) => pattern(row).test(file)),
      row,
    ).not.toEqual([]);
  }
  expect(files.filter((file) => !paths.some((row) => pattern(row).test(file)))).toEqual([]);
  await using again = await boot();
  for (const [row, { boot: start = ':', read }] of Object.entries(ROWS)) {
    await again.succeed(start);
    expect(await again.succeed(read), row).toBe(told.get(row));
  }
});

test('after a restart an agent connects to its control plane without a token, and has its pools even without the control plane', async () => {
  await using stack = new AsyncDisposableStack();
  const disk = stack.use(await configurationDisk());
  const folder = join(disk.folder, 'node');
  const plane = await ControlPlane.open();
  stack.defer(() => plane.api.close());
  const directory = '/pools/kept';
  plane.assignedPools = {
    pools: [{ name: 'assigned', type: PoolType.DIRECTORY, source: directory }],
  };
  await mkdir(folder);
  await writeFile(
    join(folder, 'node.yaml'),
    `metrics:\n  port: 27633\n  token: ${'x'.repeat(32)}\n`,
  );
  /** Starts the agent; it runs until it is stopped. */
  const start = () => {
    const socket = join(disk.folder, 'node.sock');
    const end = new AbortController();
    const logFile = join(disk.folder, 'node.log');
    const ended = run({ socket, folder, logFile, uri: 'test:///default' }, end.signal);
    const ask = <T>(path: string, schema: Parameters<typeof askAgent<T>>[0]['schema']) =>
      askAgent({ socketPath: socket, path, schema });
    const stop = async () => {
      end.abort();
      expect(await ended).toBe(0);
    };
    stack.defer(async () => end.abort());
    return { socket, ask, stop };
  };
  const untilState = (agent: ReturnType<typeof start>, state: string) =>
    until(`the agent is ${state}`, async () => {
      const { controlPlane } = await agent.ask('/healthz', healthSchema);
      return controlPlane.state === state || undefined;
    });
  const poolsOf = async (agent: ReturnType<typeof start>) =>
    (await agent.ask('/v1/storage-pools', poolsSchema)).map(({ name }) => name);
  let repeat = (): void => undefined;
  {
    const agent = start();
    await untilState(agent, 'unconfigured');
    await joinControlPlane(agent.socket, { address: plane.api.origin, token: plane.token() });
    await untilState(agent, 'connected');
    await until('the pool', async () => (await poolsOf(agent)).includes('assigned') || undefined);
    await setMaintenance(agent.socket, { on: true, reason: 'new memory' });
    const { tasks } = plane.node();
    await tasks.watched();
    const task = tasks.give({ verb: { case: 'setMaintenance', value: { enabled: false } } });
    const again = tasks.taskOf(task);
    await tasks.ended(task);
    // The task is sent once more after the restart, when the host is in maintenance again.
    repeat = () => tasks.send({ case: 'task', value: again });
    await setMaintenance(agent.socket, { on: true, reason: 'new memory' });
    await new KeptSpecs(join(folder, 'vms')).put({ spec: SPEC, definitionSha256: 'a'.repeat(64) });
    await agent.stop();
  }
  expect((await readdir(folder)).sort()).toEqual(AGENT.map((name) => name.split('/')[0]).sort());
  expect((await stat(join(folder, 'node.key'))).mode & 0o777).toBe(0o600);
  const epoch = await readFile(join(folder, 'epoch'), 'utf8');
  const certificate = await readFile(join(folder, 'metrics.pem'), 'utf8');
  plane.assignedPools = undefined;
  const calls = plane.calls.length;
  await plane.api.close();
  const agent = start();
  await until('the pool', async () => (await poolsOf(agent)).includes('assigned') || undefined);
  expect((await agent.ask('/healthz', healthSchema)).maintenance).toMatchObject({
    on: true,
    reason: 'new memory',
  });
  expect(await readFile(join(folder, 'metrics.pem'), 'utf8')).toBe(certificate);
  await plane.api.open();
  await untilState(agent, 'connected');
  const { tasks } = plane.node();
  await tasks.watched();
  repeat();
  // The end of a later task on the stream shows that the repeated one has been handled.
  await tasks.ended(tasks.give({ verb: { case: 'stopVm', value: { vmId: SPEC.id } } }));
  expect((await agent.ask('/healthz', healthSchema)).maintenance.on).toBe(true);
  expect((await new KeptSpecs(join(folder, 'vms')).get(SPEC.id))?.spec).toEqual(SPEC);
  const methods = plane.calls.slice(calls).map(({ method }) => method);
  expect(methods).toContain('syncFullState');
  expect(methods).not.toContain('register');
  expect(plane.nodes.size).toBe(1);
  expect(Number(await readFile(join(folder, 'epoch'), 'utf8'))).toBe(Number(epoch) + 1);
  await agent.stop();
});
