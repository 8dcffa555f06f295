import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { EXIT } from '../../../apps/console/exit-status.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

const SCRIPT = join(PROJECT, 'overlay/common/usr/lib/quantix/console-launch');

/** Stand-ins for functions that need a machine: they print what they would do. */
const STAND_INS = `
set_size() { :; }
restore_terminal() { :; }
hold_messages() { echo hold; }
release_messages() { echo release; }
open_shell() { echo shell; exit; }
log_in() { echo log-in; exit; }
logger() { cat; }
`;

interface Run {
  /** Shell text of the program at each of its starts; the last one is repeated. */
  program: readonly string[];
  /** Seconds since the start of the kernel, at each reading. */
  times?: readonly number[];
}

/** Runs the launcher with this program. @returns the printed lines */
async function launch({ program, times = [100] }: Run): Promise<string[]> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'run'));
  await writeFile(join(folder, 'times'), `${times.join('\n')}\n`);
  const cases = program.map((text, index) => `${index + 1}) ${text} ;;`).join('\n');
  await writeFile(
    join(folder, 'program'),
    `#!/bin/sh\necho start >>starts\ncase $(wc -l <starts) in\n${cases}\nesac\n`,
    { mode: 0o755 },
  );
  const script = `QUANTIX_CONSOLE_LIBRARY=1\n. ${SCRIPT}\n${STAND_INS}
    RUN=run
    console_program() { echo ./program; }
    uptime_seconds() { head -n 1 times; sed -i 1d times; }
    virsh() { ./virsh "$@"; }
    main tty1 </dev/null`;
  const { stdout } = await execa('busybox', ['sh', '-c', script], { cwd: folder });
  return stdout.split('\n');
}

test('the script’s exit statuses equal those of the programs', async () => {
  const text = await readFile(SCRIPT, 'utf8');
  expect(text).toContain(
    `LEFT=${EXIT.left} SHELL_WANTED=${EXIT.shell} LOGIN_WANTED=${EXIT.login} MACHINE_WANTED=${EXIT.machine}`,
  );
});

test('leaving the console ends the script, and kernel messages appear on the terminal again', async () => {
  expect(await launch({ program: ['exit 0'] })).toEqual(['hold', 'release']);
});

test('a shell or a log-in prompt is started for its exit status, with kernel messages on again', async () => {
  expect(await launch({ program: [`exit ${EXIT.shell}`] })).toEqual(['hold', 'release', 'shell']);
  expect(await launch({ program: [`exit ${EXIT.login}`] })).toEqual(['hold', 'release', 'log-in']);
});

describe('with quantix.mode=install', () => {
  /** Returns the program that is started on a terminal, followed by the runlevel. */
  async function program(cmdline: string, isLive = false): Promise<string> {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'cmdline'), `${cmdline}\n`);
    if (isLive) await writeFile(join(folder, 'live'), '');
    const openrc = {
      'rc-status': 'cat runlevel 2>/dev/null || echo boot',
      openrc: 'echo "$1" >>runlevel',
    };
    for (const [name, text] of Object.entries(openrc)) {
      await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    const script = `QUANTIX_CONSOLE_LIBRARY=1\n. ${SCRIPT}\nCMDLINE=cmdline LIVE=live PATH=.:$PATH
      console_program
      wait
      [ ! -e runlevel ] || cat runlevel`;
    const { stdout } = await execa('busybox', ['sh', '-c', script], { cwd: folder, reject: false });
    return stdout;
  }

  test('the installer runs instead of the console, until it is left', async () => {
    const installs = 'console=ttyS0 quantix.build=1 quantix.mode=install quantix.data=none';
    expect(await program(installs)).toBe('/usr/sbin/qx-install');
    expect(await program('quantix.mode=install')).toBe('/usr/sbin/qx-install');
    expect(await program(installs, true)).toBe('default');
    expect(await program('quantix.mode=live quantix.mode=installed')).not.toContain('qx-install');
  });
});

describe('the text console of a virtual machine', () => {
  const ID = '9f1b2c3d-0000-4000-8000-00000000abcd';
  const leave = (answer: string, virsh = 'true') =>
    `printf '${answer}' >"$QUANTIX_ANSWER"; printf '#!/bin/sh\\necho virsh "$@"; ${virsh}' >virsh; chmod +x virsh; exit ${EXIT.machine}`;

  test('is opened if the program named a machine, and then the program runs again', async () => {
    const told = await launch({ program: [leave(`${ID}\\nweb 1\\n`), 'exit 0'] });
    expect(told).toEqual([
      'hold',
      'release',
      'The text console of web 1; Ctrl-] leads back. A machine without one on its serial port shows nothing.',
      `virsh --quiet --connect qemu:///system --escape ^] console ${ID}`,
      'hold',
      'release',
    ]);
  });

  test('that cannot be opened shows the reason until Enter is pressed', async () => {
    const told = await launch({ program: [leave(`${ID}\\nweb\\n`, 'exit 1'), 'exit 0'] });
    expect(told).toContain('Enter leads back.');
    expect(told.slice(-2)).toEqual(['hold', 'release']);
  });

  test.each(['', 'web\\nweb\\n', '--force\\nx\\n', '\\n\\n', ID])(
    'is not opened by %j',
    async (answer) => {
      const told = await launch({ program: [leave(answer), 'exit 0'] });
      expect(told.filter((line) => line.startsWith('virsh'))).toEqual([]);
      expect(told.slice(-2)).toEqual(['hold', 'release']);
    },
  );
});

test('after a crash the program is started again, and its last output is logged', async () => {
  const told = await launch({ program: ['echo "TypeError: x" >&2; exit 1', 'exit 0'] });
  expect(told).toEqual([
    'hold',
    'release',
    'TypeError: x',
    'program has crashed (exit status 1) and is started again; logread has more.',
    'hold',
    'release',
  ]);
});

test('two crashes in a row show a log-in prompt instead', async () => {
  const told = await launch({ program: ['kill -9 $$', 'exit 1'], times: [100, 159] });
  expect(told.at(-1)).toBe('log-in');
  expect(told.filter((line) => line === 'hold')).toHaveLength(2);
});

test('crashes that are far apart do not count as in a row', async () => {
  const program = ['exit 1', 'exit 1', 'exit 0'];
  const told = await launch({ program, times: [100, 161, 300] });
  expect(told).not.toContain('log-in');
  expect(told.filter((line) => line === 'hold')).toHaveLength(3);
});

test('an image without a console program reports it, and shows a log-in prompt', async () => {
  const script = `QUANTIX_CONSOLE_LIBRARY=1\n. ${SCRIPT}\n${STAND_INS}\nRUN=run\nmain ttyS0`;
  const { stdout } = await execa('busybox', ['sh', '-c', script], { cwd: await temporaryFolder() });
  expect(stdout).toBe('no console program is in this image\nlog-in');
});

describe('an idle shell', () => {
  /**
   * Returns the last line that the watcher of the shell prints: when it hangs the shell up, if it does.
   * @param turns shell text for each check, which sets the terminal's last key and whether a command runs
   */
  async function watched(turns: readonly string[]): Promise<string> {
    const cases = turns.map((text, index) => `${index + 1}) ${text} ;;`).join('\n');
    const script = `QUANTIX_CONSOLE_LIBRARY=1\n. ${SCRIPT}
      tty=tty1 IDLE_TURNS=3 turn=0
      sleep() { turn=$((turn + 1)); [ $turn -le ${turns.length} ]; }
      last_key() { echo "$key"; }
      is_in_front() { [ -z "$busy" ]; }
      watch_idle $$`;
    // The stand-in for `sleep` sets the values of the next check.
    const looking = script.replace(
      'sleep() {',
      `logger() { echo "$3 $4 $5 $6"; }; kill() { echo "hangs up after $turn"; }; sleep() { case $((turn + 1)) in\n${cases}\nesac;`,
    );
    const { stdout } = await execa('busybox', ['sh', '-c', looking]);
    return stdout.split('\n').at(-1) ?? '';
  }

  test('is hung up', async () => {
    expect(await watched(['key=1', ':', ':', ':', ':', ':'])).toBe('hangs up after 4');
  });

  test('that gets input or runs a command is kept', async () => {
    expect(await watched(['key=1', ':', 'key=2', ':', 'key=3', ':', ':'])).toBe('');
    expect(await watched(['key=1', ':', 'busy=yes', ':', ':', ':', ':', ':'])).toBe('');
    expect(await watched(['busy=yes', ':', 'busy=', ':', ':', ':', ':'])).toBe('hangs up after 5');
  });
});
