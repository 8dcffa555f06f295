import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { isRunning } from '../process/living.ts';

test('a second signal ends a program that hangs, and the programs it runs', async () => {
  const program = execa(process.execPath, [join(import.meta.dirname, 'stubborn.ts')], {
    reject: false,
  });
  const lines = createInterface(program.stdout)[Symbol.asyncIterator]();
  const child = Number((await lines.next()).value);
  program.kill('SIGINT');
  expect((await lines.next()).value).toBe('asked to end');
  // npm passes a copy of Ctrl-C on at once: it is not the second one.
  program.kill('SIGINT');
  await wait(700);
  expect(await isRunning(child)).toBe(true);
  program.kill('SIGTERM');
  const { exitCode, stderr } = await program;
  expect(exitCode).toBe(143);
  expect(stderr).toContain('Ended at once.');
  await vi.waitFor(async () => expect(await isRunning(child)).toBe(false));
});

/** Runs a command line of qx-build in a shell, with `qx` in the place of it. */
function inShell(command: string) {
  const qx = `${process.execPath} ${join(import.meta.dirname, '../../../tasks/qx-build.ts')}`;
  return execa('bash', ['-c', `set -o pipefail; ${command.replaceAll('qx ', `${qx} `)}`], {
    reject: false,
    env: { TERM: 'xterm' },
  });
}

test('a reader that leaves early does not end the work', async () => {
  const { exitCode, stderr } = await inShell('qx explain --profile nope --json | true');
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^qx-build: there is no profile "nope" .*$/);
});

test('a terminal without a width counts as 80 columns wide', async () => {
  const command = "script --quiet --return --command 'stty cols 0; qx --help' /dev/null";
  const { stdout } = await inShell(command);
  expect(stdout).toMatch(/^ {2}qx-build iso +Build the bootable images of profiles\r?$/m);
});
