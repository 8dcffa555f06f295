import { expect } from 'vitest';
import { Machine } from './world/machine.ts';
import type { Outcome } from './world/namespace.ts';
import { makeTemplate, type Shell } from './world/template.ts';
import { test } from './world/test.ts';

const SHADOW = 'root::20780:0:99999:7:::\nsshd:!:20780:0:99999:7:::\n';
const KEPT = '/quantix/auth/shadow';
const PASSWORD = 'correct horse $x`"\\';

/** A machine with no password yet. */
async function begin(shell: Shell = 'ash'): Promise<{ machine: Machine } & AsyncDisposable> {
  const stack = new AsyncDisposableStack();
  const template = stack.use(await makeTemplate(shell, ['openssl']));
  const machine = stack.use(await Machine.create(template.root));
  await reset(machine);
  return { machine, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Resets the files that a restart resets: only /quantix stays. */
async function reset(machine: Machine): Promise<void> {
  await machine.write('/etc/shadow', SHADOW);
  await machine.succeed('chmod 640 /etc/shadow; rm -f /etc/shadow.*');
}

async function restart(machine: Machine): Promise<Outcome> {
  await reset(machine);
  return await password(machine, 'apply');
}

const password = (machine: Machine, command: string, input = ''): Promise<Outcome> =>
  machine.by([], ['/usr/sbin/qx-password', command], input);

const WRONG = '/run/quantix/password/wrong';

/** Checks whether a word is root's password, without the delay that earlier wrong ones cause. */
async function check(machine: Machine, word: string): Promise<number> {
  await machine.succeed(`rm -f ${WRONG}`);
  return (await password(machine, 'check', `${word}\n`)).status;
}

const status = async (machine: Machine): Promise<string> =>
  (await password(machine, 'status')).stdout;

test('a password that is set is root’s password, now and after a restart', async () => {
  await using story = await begin();
  const { machine } = story;
  expect(await status(machine)).toBe('empty');
  expect([await check(machine, ''), await check(machine, PASSWORD)]).toEqual([0, 1]);
  expect(await password(machine, 'set', `${PASSWORD}\n`)).toEqual({
    status: 0,
    stdout: '',
    stderr: '',
  });
  const isSet = async () => {
    expect(await status(machine)).toBe('set');
    for (const wrong of ['', PASSWORD.slice(1), `${PASSWORD} `, PASSWORD.toUpperCase()]) {
      expect(await check(machine, wrong)).toBe(1);
    }
    expect(await check(machine, PASSWORD)).toBe(0);
    expect(await machine.read('/etc/shadow')).toMatch(/^root:\$6\$[^:]+:20780:.*\nsshd:!:20780:/);
  };
  await isSet();
  expect(await machine.succeed('stat -c %a /etc/shadow /quantix/auth/shadow')).toBe('640\n600');
  expect(await restart(machine)).toEqual({ status: 0, stdout: '', stderr: '' });
  await isSet();
});

test('a password never appears in the arguments or environment of a process', async () => {
  await using story = await begin();
  const { machine } = story;
  await machine.succeed('mv /usr/sbin/openssl /usr/sbin/real');
  const look = 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ >>/seen 2>/dev/null';
  await machine.write('/usr/sbin/openssl', `#!/bin/sh\n${look}\nexec /usr/sbin/real "$@"\n`);
  await machine.succeed('chmod 755 /usr/sbin/openssl');
  await password(machine, 'set', 'correct-horse\n');
  expect(await check(machine, 'correct-horse')).toBe(0);
  const seen = await machine.read('/seen');
  expect(seen).toContain('qx-password');
  expect(seen).not.toContain('horse');
});

test('an invalid password is refused, and nothing changes', async () => {
  await using story = await begin();
  const { machine } = story;
  const inputs = {
    'an empty one': '\n',
    nothing: '',
    'a short one': 'seven77\n',
    'a long one': `${'x'.repeat(129)}\n`,
    'a very long one': 'x'.repeat(3_000_000),
    'one with a NUL': 'eight\u0000888888\n',
    'one with a tabulator': 'eight\t888888\n',
    'one that is not ASCII': 'pässwörter\n',
  };
  for (const [what, input] of Object.entries(inputs)) {
    expect(await password(machine, 'set', input), what).toEqual({
      status: 1,
      stdout: '',
      stderr: 'qx-password: a password has 8 to 128 printable ASCII characters',
    });
  }
  expect(await status(machine)).toBe('empty');
  expect(await machine.files()).toEqual([]);
});

const CLOSED = 'root:!:20780:0:99999:7:::\nsshd:!:20780:0:99999:7:::';

test('a malformed password file locks the consoles until a password is set, also over restarts', async () => {
  await using story = await begin();
  const { machine } = story;
  const text = `root:$6$salt$${'a'.repeat(86)}\nsshd::\n`;
  await machine.write(KEPT, text);
  expect(await restart(machine)).toMatchObject({
    status: 0,
    stderr: expect.stringMatching(/set aside as shadow.rejected\n.*are closed: /) as string,
  });
  expect(await machine.read('/dev/kmsg')).toMatch(
    /^<4>quantix: the consoles are closed: \/quantix\/auth\/shadow holds no password/,
  );
  expect(await machine.files()).toEqual([`${KEPT}.rejected`]);
  for (const again of [false, true]) {
    if (again) await restart(machine);
    expect(await machine.read('/etc/shadow')).toBe(CLOSED);
    expect(await status(machine)).toMatch(/^closed: .*\/quantix\/auth\/shadow/);
    expect([await check(machine, ''), await check(machine, PASSWORD)]).toEqual([1, 1]);
  }
  await password(machine, 'set', `${PASSWORD}\n`);
  await restart(machine);
  expect(await status(machine)).toBe('set');
  expect(await machine.files()).toEqual([KEPT]);
});

test('an unreadable password file, as on a damaged file system, locks the consoles', async () => {
  for (const shell of ['ash', 'dash'] as const) {
    await using story = await begin(shell);
    const { machine } = story;
    // A link to itself cannot be followed, not even by root.
    await machine.succeed('mkdir -p /quantix; ln -s auth /quantix/auth');
    await restart(machine);
    expect(await status(machine)).toMatch(/^closed: \/quantix\/auth\/shadow cannot be read: /);
    expect(await machine.read('/etc/shadow')).toBe(CLOSED);
    expect([await check(machine, ''), await check(machine, PASSWORD)]).toEqual([1, 1]);
  }
});

test('a configuration disk that exists but is not mounted locks the consoles', async () => {
  await using story = await begin();
  const { machine } = story;
  const why =
    'several file systems are QUANTIX-CFG (/dev/sda /dev/vdb): none is mounted at /quantix';
  await machine.write('/run/quantix/unmounted-quantix', `${why}\n`);
  await restart(machine);
  expect(await status(machine)).toBe(`closed: ${why}`);
  expect(await machine.read('/etc/shadow')).toBe(CLOSED);
  expect(await password(machine, 'check', '\n')).toMatchObject({
    status: 1,
    stderr: `qx-password: closed: ${why}`,
  });
});

test('after each wrong password further checks wait, twice as long each time up to 30 s, for all callers', async () => {
  await using story = await begin();
  const { machine } = story;
  await password(machine, 'set', `${PASSWORD}\n`);
  const wrong = () => password(machine, 'check', 'wrong\n');
  const uptime = async () => Number.parseFloat(await machine.succeed('cat /proc/uptime'));
  for (const [index, delay] of [1, 2, 4, 8, 16, 30, 30, 30, 30, 30].entries()) {
    const before = Math.floor(await uptime());
    expect(await wrong()).toEqual({ status: 1, stdout: '', stderr: '' });
    const [count = 0, until = 0] = (await machine.succeed(`cat ${WRONG}`)).split(' ').map(Number);
    expect(count).toBe(index + 1);
    expect(until).toBeGreaterThanOrEqual(before + delay);
    expect(until).toBeLessThanOrEqual((await uptime()) + delay);
    expect(await machine.read('/dev/kmsg')).toBe(
      `<4>quantix: a wrong password of root was typed (${index + 1} in a row)`,
    );
    // Simulates that the delay has passed.
    await machine.write(WRONG, `${count} 0\n`);
  }
  // A check during the delay gives no answer, whether the password is right or wrong.
  await machine.write(WRONG, `7 ${Math.ceil(await uptime()) + 600}\n`);
  const impatient = ['timeout', '-s', 'KILL', '1', '/usr/sbin/qx-password', 'check'];
  for (const word of [PASSWORD, PASSWORD, 'wrong']) {
    expect((await machine.by([], impatient, `${word}\n`)).status).not.toBeOneOf([0, 1]);
  }
  await machine.write(WRONG, '7 0\n');
  expect((await password(machine, 'check', `${PASSWORD}\n`)).status).toBe(0);
  await wrong();
  expect(await machine.read(WRONG)).toMatch(/^1 /);
});

test('without persistent storage a password lasts until the next boot, with a warning', async () => {
  await using story = await begin();
  const { machine } = story;
  await machine.succeed('mount -o remount,bind,ro /quantix');
  const done = await password(machine, 'set', 'correct horse\n');
  expect(done).toMatchObject({ status: 0 });
  expect(done.stderr).toMatch('lasts until the next boot');
  expect(await check(machine, 'correct horse')).toBe(0);
});

test('a power cut at any moment of a change of password leaves the old or the new one', async () => {
  await using story = await begin('dash');
  const { machine } = story;
  const forks = '?fork,?vfork,clone,?clone3';
  const seen: string[] = [];
  for (let [at, done] = [1, false]; !done; at++) {
    await machine.succeed('rm -rf /quantix/auth');
    await restart(machine);
    await password(machine, 'set', 'the old one\n');
    const kill = `inject=${forks}:signal=KILL:when=${at}`;
    const traced = ['strace', '-o', '/dev/null', '-e', `trace=${forks}`, '-e', kill];
    const set = ['/usr/sbin/qx-password', 'set'];
    done = (await machine.by(traced, set, 'the new one\n')).status === 0;
    expect(await restart(machine)).toMatchObject({ status: 0, stderr: '' });
    const [old, next] = [await check(machine, 'the old one'), await check(machine, 'the new one')];
    expect([old, next].sort(), `killed at program ${at}`).toEqual([0, 1]);
    seen.push(old === 0 ? 'old' : 'new');
  }
  expect(seen.length).toBeGreaterThan(5);
  expect([seen[0], seen.at(-1)]).toEqual(['old', 'new']);
});
