import { expect } from 'vitest';
import { Machine } from './world/machine.ts';
import type { Outcome } from './world/namespace.ts';
import { makeTemplate, type Shell } from './world/template.ts';
import { test } from './world/test.ts';

const CONFIGURATION: Readonly<Record<string, string>> = {
  '/quantix/hostname': 'quantix\n',
  '/quantix/auth/shadow': 'root:$6$salt$hash\n',
  '/quantix/node/node.key': 'key',
  '/quantix/node/.node.yaml.77': 'half',
  '/quantix/network/eth0.conf': 'METHOD=dhcp\n',
};
const DATA: Readonly<Record<string, string>> = {
  '/data/vms/a disk.raw': 'guest',
  '/data/libvirt/qemu/web.xml': '<domain/>',
  '/data/config-disk': '0123-4567\n',
};
const LEFT = ['/data/lost+found/a', '/quantix/lost+found/a'];
const ALL = [...Object.keys(CONFIGURATION), ...Object.keys(DATA)].sort();

/** A machine with configuration and data, on file systems of their own. */
async function begin(shell: Shell = 'ash'): Promise<{ machine: Machine } & AsyncDisposable> {
  const stack = new AsyncDisposableStack();
  const template = stack.use(await makeTemplate(shell));
  const machine = stack.use(await Machine.create(template.root));
  await machine.succeed('mkdir -p /data && mount -t tmpfs tmpfs /data && : >/dev/kmsg');
  await resetFiles(machine);
  return { machine, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function resetFiles(machine: Machine): Promise<void> {
  await machine.succeed('rm -rf /quantix/* /quantix/.n* /data/*');
  const left = LEFT.map((file) => [file, 'x'] as const);
  for (const [file, text] of [...Object.entries({ ...CONFIGURATION, ...DATA }), ...left]) {
    await machine.write(file, text);
  }
}

const reset = (machine: Machine, ...args: string[]): Promise<Outcome> =>
  machine.by([], ['/usr/sbin/qx-reset', ...args]);

/** Lists all files except the request of a reset and `LEFT`. */
async function files(machine: Machine): Promise<string[]> {
  const found = await machine.succeed('find /quantix /data -type f ! -path /quantix/reset | sort');
  return found.split('\n').filter((file) => !LEFT.includes(file));
}

const status = async (machine: Machine) => (await reset(machine, 'status')).stdout;

test.each(['ash', 'dash'] as const)(
  'a requested reset is carried out by the next boot, once (%s)',
  async (shell) => {
    await using story = await begin(shell);
    const { machine } = story;
    expect(await status(machine)).toBe('none');
    expect(await reset(machine, 'carry-out')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await reset(machine, 'request', 'quantix')).toEqual({
      status: 0,
      stdout: 'The next boot removes configuration.',
      stderr: '',
    });
    expect(await status(machine)).toBe('configuration');
    expect(await files(machine)).toEqual(ALL);
    expect(await reset(machine, 'carry-out')).toMatchObject({ status: 0 });
    expect(await files(machine)).toEqual(Object.keys(DATA).sort());
    expect(await status(machine)).toBe('none');

    await resetFiles(machine);
    expect(await reset(machine, 'carry-out')).toMatchObject({ status: 0 });
    expect(await files(machine)).toEqual(ALL);
    expect(await reset(machine, 'request', 'quantix', '--data')).toMatchObject({ status: 0 });
    expect(await status(machine)).toBe('configuration and data');
    expect(await reset(machine, 'carry-out')).toMatchObject({ status: 0 });
    expect(await files(machine)).toEqual([]);
    expect(await machine.read(LEFT[0]!)).toBe('x');
  },
);

test('a reset request needs the machine’s own name, and can be cancelled before the restart', async () => {
  await using story = await begin();
  const { machine } = story;
  const wrong = [['request'], ['request', 'quantix', '--all'], ['now'], [], ['cancel', 'x']];
  for (const args of wrong) expect(await reset(machine, ...args)).toMatchObject({ status: 2 });
  for (const name of ['', 'Quantix', 'quantix ', 'node8', '*']) {
    expect(await reset(machine, 'request', name)).toMatchObject({
      status: 1,
      stderr: `qx-reset: this machine is quantix, not ${name}: nothing is reset`,
    });
  }
  expect(await status(machine)).toBe('none');
  expect(await reset(machine, 'request', 'quantix')).toMatchObject({ status: 0 });
  expect(await reset(machine, 'cancel')).toMatchObject({ status: 0 });
  expect(await reset(machine, 'carry-out')).toMatchObject({ status: 0 });
  expect(await files(machine)).toEqual(ALL);
});

test('a reset that keeps the database warns that hosts have to join the control plane again', async () => {
  await using story = await begin();
  const { machine } = story;
  await machine.write('/quantix/vdc/ca.pem', 'key');
  expect((await reset(machine, 'request', 'quantix')).stdout).toBe(
    'The next boot removes configuration.\nIts hosts then have to join again, unless /quantix/vdc/ca.pem is put back from a copy or a backup.',
  );
  expect((await reset(machine, 'request', 'quantix', '--data')).stdout).toBe(
    'The next boot removes configuration and data.',
  );
});

test('a reset removes nothing if the data disk is missing or read-only', async () => {
  await using story = await begin();
  const { machine } = story;
  expect(await reset(machine, 'request', 'quantix', '--data')).toMatchObject({ status: 0 });
  await machine.succeed('mount -o remount,ro /data');
  const refused = await reset(machine, 'carry-out');
  expect(refused).toMatchObject({
    status: 1,
    stderr: 'the requested reset is not done: nothing that can be written is mounted at /data',
  });
  expect(await machine.read('/dev/kmsg')).toContain(`<4>quantix: ${refused.stderr}`);
  expect(await files(machine)).toEqual(ALL);
  await machine.succeed('mount -o remount,rw /data');
  expect(await reset(machine, 'carry-out')).toMatchObject({ status: 0 });
  expect(await files(machine)).toEqual([]);

  await resetFiles(machine);
  await machine.succeed('mount -o remount,ro /quantix');
  expect(await reset(machine, 'request', 'quantix')).toMatchObject({ status: 1 });
  await machine.succeed('mount -o remount,rw /quantix');
  await machine.succeed('umount /data');
  expect(await reset(machine, 'request', 'quantix', '--data')).toMatchObject({ status: 1 });
});

test('a request file that qx-reset did not write removes nothing, and is set aside and reported', async () => {
  await using story = await begin();
  const { machine } = story;
  for (const text of ['', 'everything\n', 'configuration and data\nx\n', 'configuration\0\n']) {
    await machine.write('/quantix/reset', text);
    expect(await reset(machine, 'carry-out')).toMatchObject({ status: 1 });
    expect(await files(machine)).toEqual([...ALL, '/quantix/reset.rejected'].sort());
    await machine.succeed('rm /quantix/reset.rejected');
  }
});

/** System calls with which a shell starts programs, and with which files are removed and renamed. */
const CUTS = '?fork,?vfork,clone,?clone3,?unlink,unlinkat,?rmdir,?rename,renameat,renameat2';

test('a power cut at any moment of a reset leaves either everything or nothing', async () => {
  await using story = await begin('dash');
  const { machine } = story;
  const cutAt = (at: number, ...args: string[]) => {
    const kill = ['-e', `trace=${CUTS}`, '-e', `inject=${CUTS}:signal=KILL:when=${at}`];
    const strace = ['strace', '-f', '-o', '/dev/null', ...kill];
    return machine.by(strace, ['/usr/sbin/qx-reset', ...args]);
  };
  const seen: string[] = [];
  for (const cut of ['request', 'carry-out']) {
    for (let [at, done] = [1, false]; !done; at++) {
      await resetFiles(machine);
      if (cut === 'carry-out') await reset(machine, 'request', 'quantix', '--data');
      const args = cut === 'request' ? ['request', 'quantix', '--data'] : ['carry-out'];
      done = (await cutAt(at, ...args)).status === 0;
      await reset(machine, 'carry-out');
      const found = await files(machine);
      expect([ALL, []], `${cut} killed at ${at}`).toContainEqual(found);
      expect(await machine.read('/quantix/reset')).toBeUndefined();
      seen.push(`${cut}: ${found.length}`);
    }
  }
  expect(new Set(seen)).toEqual(new Set([`request: ${ALL.length}`, 'request: 0', 'carry-out: 0']));
  expect(seen.length).toBeGreaterThan(12);
});
