import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { isRunning } from '../process/living.ts';

test('a second signal ends a program that hangs, and its children', async () => {
  const program = execa(process.execPath, [join(import.meta.dirname, 'stubborn.ts')], {
    reject: false,
  });
  const lines = createInterface(program.stdout)[Symbol.asyncIterator]();
  const child = Number((await lines.next()).value);
  program.kill('SIGINT');
  // npm forwards its own signal at once, which does not count as a second one. The signals differ, because two equal
  // ones might be delivered as one.
  program.kill('SIGHUP');
  expect((await lines.next()).value).toBe('asked to end');
  await wait(700);
  expect(await isRunning(child)).toBe(true);
  program.kill('SIGTERM');
  const { exitCode, stderr } = await program;
  expect(exitCode).toBe(143);
  expect(stderr).toContain('Ended at once.');
  await vi.waitFor(async () => expect(await isRunning(child)).toBe(false), 30_000);
});

/** Runs a command line in a shell; `qx` in it stands for qx-build. */
function inShell(command: string) {
  const qx = `${process.execPath} ${join(import.meta.dirname, '../../../tasks/qx-build.ts')}`;
  return execa('bash', ['-c', `set -o pipefail; ${command.replaceAll('qx ', `${qx} `)}`], {
    reject: false,
    env: { TERM: 'xterm' },
  });
}

test('a closed output pipe does not end the work', async () => {
  const { exitCode, stderr } = await inShell('qx explain --profile nope --json | true');
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^qx-build: there is no profile "nope" .*$/);
});

test('a terminal without a width counts as 80 columns wide', async () => {
  const streams = join(import.meta.dirname, '../../../tasks/ui/streams.ts');
  const program =
    `import('${streams}').then((all) => ` +
    '{ all.prepareStreams(); console.log(String(process.stdout.columns)) })';
  const command = `stty cols 0; exec ${process.execPath} --eval "${program}"`;
  const { stdout } = await execa('script', ['-q', '-e', '-c', command, '/dev/null']);
  expect(stdout.trim()).toBe('80');
});

/** Types keys on a program's terminal, each after the output that it waits for. */
async function type(
  program: string,
  keys: readonly (readonly [after: RegExp | number, key: string])[],
) {
  const command = `exec ${process.execPath} ${join(import.meta.dirname, program)}`;
  const running = execa('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    stdin: 'pipe',
    reject: false,
  });
  let output = '';
  running.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  for (const [after, key] of keys) {
    if (typeof after === 'number') await wait(after);
    else await vi.waitFor(() => expect(output).toMatch(after), { timeout: 60_000 });
    running.stdin.write(key);
  }
  const { exitCode } = await running;
  return { exitCode, output };
}

test('a second Ctrl-C ends a program whose work does not end, and its children', async () => {
  const { exitCode, output } = await type('hanging.ts', [
    [/hanging/, ''],
    // After this time, the watching script runs and distinguishes two signals.
    [500, '\x03'],
    [500, '\x03'],
  ]);
  expect(output).toContain('Ended at once: it hung.');
  expect(exitCode).toBe(137);
  const child = Number(/^(\d+)\r?$/m.exec(output)?.[1]);
  expect(child).toBeGreaterThan(1);
  await vi.waitFor(async () => expect(await isRunning(child)).toBe(false), 30_000);
});

test('a program that ends in an orderly way may do so, however often Ctrl-C is pressed', async () => {
  const { exitCode, output } = await type('orderly.ts', [
    [/working/, '\x03'],
    // Much less than the half second after which a signal counts as a second one.
    [20, '\x03'],
    [20, '\x03'],
  ]);
  expect(output).toContain('ended in order');
  expect(exitCode).toBe(130);
});

test.each([
  ['Ctrl-C', '\x03', 130, 'Interrupted. Nothing half-made is left behind.'],
  ['Ctrl-D', '\x04', 1, 'qx-build: no passphrase was typed. Type it.'],
])(
  '%s ends a command that asks for a passphrase, and is no bug of it',
  async (_, key, code, words) => {
    const { exitCode, output } = await type('../../../tasks/qx-build.ts key new /proc/nobody.key', [
      [/Passphrase/, ''],
      // By then, keys are read one by one, and not as lines.
      [2000, key],
    ]);
    expect(output).toContain(words);
    expect(exitCode).toBe(code);
  },
);

test('shellcheck accepts the script that watches for a hang', async () => {
  const script = join(import.meta.dirname, '../../../tasks/watch-hang.sh');
  const { stdout } = await execa('shellcheck', ['--shell=sh', script], { reject: false });
  expect(stdout).toBe('');
});
