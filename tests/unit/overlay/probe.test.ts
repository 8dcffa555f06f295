import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

const PROBE = join(PROJECT, 'overlay/common/usr/lib/quantix/probe.sh');

/** Runs shell code after the probes. @returns exit code, and the lines that were logged or printed */
async function probe(code: string): Promise<{ exitCode: number | undefined; lines: string }> {
  const text = `logger() { echo "$@"; }\n. ${PROBE}\n${code}\n`;
  const options = { reject: false, env: { RC_SVCNAME: 'tiny' } } as const;
  const { exitCode, stdout } = await execa('busybox', ['sh', '-c', text], options);
  return { exitCode, lines: stdout };
}

/** Writes a heartbeat file. @param age in seconds */
async function signOfLife(age: number): Promise<string> {
  const file = join(await temporaryFolder(), 'alive');
  await writeFile(file, `${uptime() - age}\n`);
  return file;
}

test('a program counts as working while it updates its heartbeat file, and before the first time', async () => {
  expect(await probe(`works ${await signOfLife(20)}`)).toEqual({ exitCode: 0, lines: '' });
  const none = join(await temporaryFolder(), 'alive');
  expect(await probe(`works ${none}`)).toEqual({ exitCode: 0, lines: '' });
  // A file is empty while it is being written.
  await writeFile(none, '');
  expect(await probe(`works ${none}`)).toEqual({ exitCode: 0, lines: '' });
  expect(await probe(`works ${await signOfLife(91)}`)).toEqual({
    exitCode: 1,
    lines: '-p daemon.warning -t tiny does no work any more, and is started again',
  });
});

test('a daemon that does not answer is tried several times', async () => {
  const folder = await temporaryFolder();
  const pauses = 'sleep() { echo "pause of $1"; }';
  const third = `[ -e ${folder}/2 ] || { [ -e ${folder}/1 ] && touch ${folder}/2 || touch ${folder}/1; false; }`;
  expect(await probe(`${pauses}; answers sh -c '${third}'`)).toEqual({
    exitCode: 0,
    lines: 'pause of 10\npause of 10',
  });
  const { exitCode, lines } = await probe(`${pauses}; answers false`);
  expect(exitCode).toBe(1);
  expect(lines.split('\n')).toEqual([
    ...Array(5).fill('pause of 10'),
    '-p daemon.warning -t tiny does not answer, and is started again',
  ]);
});

test('a hanging daemon is killed if it ignores SIGTERM', async () => {
  expect((await probe('echo "$healthcheck_timer $retry"')).lines).toBe('60 SIGTERM/20/SIGKILL/5');
  expect((await probe(`retry=SIGINT/9/SIGKILL/5; . ${PROBE}; echo "$retry"`)).lines).toBe(
    'SIGINT/9/SIGKILL/5',
  );
});

test('a daemon is awake unless it is paused or gone; one without a known process counts as awake', async () => {
  const folder = await temporaryFolder();
  const options = join(folder, 'options/tiny');
  await mkdir(options, { recursive: true });
  const isAwake = async () => (await probe(`RC_SVCDIR=${folder}; is_awake`)).exitCode === 0;
  expect(await isAwake()).toBe(true);
  const daemon = spawn('sleep', ['600']);
  // OpenRC writes no line feed.
  await writeFile(join(options, 'child_pid'), `${daemon.pid}`);
  expect(await isAwake()).toBe(true);
  daemon.kill('SIGSTOP');
  await expect.poll(isAwake).toBe(false);
  daemon.kill('SIGKILL');
  await once(daemon, 'exit');
  expect(await isAwake()).toBe(false);
});

test('every supervised service has a health check that uses these probes', async () => {
  const supervised: string[] = [];
  for (const part of ['common', 'quantix-os', 'qvdc']) {
    const folder = join(PROJECT, 'overlay', part, 'etc/init.d');
    for (const name of await readdir(folder)) {
      const text = await readFile(join(folder, name), 'utf8');
      const isChecked = /^healthcheck\(\) \{$/m.test(text);
      expect(isChecked, name).toBe(/^supervisor=supervise-daemon$/m.test(text));
      if (!isChecked) continue;
      supervised.push(name);
      expect(text, name).toMatch(/^\. \/usr\/lib\/quantix\/probe\.sh$/m);
      // OpenRC knows the check by this variable, which it sets before it reads the script.
      const [, commands = '$extra_commands'] = /^extra_commands="(.*)"$/m.exec(text) ?? [];
      expect(commands.split(' '), name).toContain('$extra_commands');
    }
  }
  for (const names of [
    [
      'acpid',
      'mdev',
      'syslog',
      'syslog-files',
      'sshd',
      'sshd-timer',
      'watchdog',
      'dbus',
      'chronyd',
    ],
    ['quantix-network', 'qx-node', 'libvirtd', 'virtlogd', 'iscsid', 'multipathd', 'rpcbind'],
    ['rpc.statd', 'postgresql', 'etcd', 'redis', 'qx-controlplane'],
  ]) {
    expect(supervised).toEqual(expect.arrayContaining(names));
  }
});
