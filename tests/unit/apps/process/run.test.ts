import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { run } from '../../../../apps/process/run.ts';

const sh = (text: string, ...args: string[]) => ['-c', text, 'sh', ...args];

/** Whether a process exists; a zombie does until it is reaped. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('the output of a command is returned without the last line feed', async () => {
  expect(await run('sh', sh('echo one; echo two'), { timeout: 10_000 })).toBe('one\ntwo');
});

test('arguments reach the command as they are', async () => {
  const nasty = ['$(reboot)', "a'b", ' two  blanks ', '', '--', '\n'];
  const out = await run('sh', sh('printf "[%s]" "$@"', ...nasty), { timeout: 10_000 });
  expect(out).toBe(nasty.map((one) => `[${one}]`).join(''));
});

test('input reaches the command, and without input it reads nothing', async () => {
  expect(await run('cat', [], { timeout: 10_000, input: 'secret' })).toBe('secret');
  expect(await run('cat', [], { timeout: 10_000 })).toBe('');
});

test('a command that fails is reported with its exit code and last output, not with its arguments', async () => {
  const failing = run('sh', sh('echo first >&2; echo no such domain >&2; exit 3', 'password'), {
    timeout: 10_000,
  });
  await expect(failing).rejects.toMatchObject({
    failure: 'exit',
    exitCode: 3,
    stderr: 'first\nno such domain',
    message: 'sh exited with 3: first | no such domain',
  });
});

test('a command that is missing is reported', async () => {
  await expect(run('quantix-nonesuch', [], { timeout: 10_000 })).rejects.toMatchObject({
    failure: 'missing',
    message: 'quantix-nonesuch is not installed',
  });
});

test('a file that is not a program is reported', async () => {
  await expect(run('/etc/passwd', [], { timeout: 10_000 })).rejects.toMatchObject({
    failure: 'start',
    message: '/etc/passwd could not be started: EACCES',
  });
});

test('a command that the system refuses to start at once is reported', async () => {
  // Longer than an argument may be (E2BIG); without memory for a child, the refusal is of the same kind.
  await expect(run('true', ['x'.repeat(256 * 1024)], { timeout: 5_000 })).rejects.toMatchObject({
    name: 'CommandError',
    message: 'true could not be started: E2BIG',
  });
});

test('a command that a signal ended is reported with the signal', async () => {
  await expect(run('sh', sh('kill -9 $$'), { timeout: 10_000 })).rejects.toMatchObject({
    failure: 'signal',
    message: 'sh was ended by SIGKILL',
  });
});

test('a command that takes too long is ended, with the children that it started', async () => {
  const story = 'sleep 1000 & echo $! >&2; wait';
  const error = await run('sh', sh(story), { timeout: 3000 }).catch((caught) => caught);
  expect(error).toMatchObject({ failure: 'timeout', message: 'sh did not end within 3 s' });
  const [pid] = /^\d+$/.exec(error.stderr) ?? [];
  expect(pid).toBeDefined();
  while (lives(Number(pid))) await wait(10);
});

test('a command that ignores the request to end is killed', async () => {
  const stubborn = run('sh', sh('trap "" TERM; while :; do sleep 0.1; done'), { timeout: 100 });
  await expect(stubborn).rejects.toMatchObject({ failure: 'timeout' });
});

test('a child that left its process group and keeps the output open does not delay the caller', async () => {
  const story = 'setsid sleep 6 & exec sleep 6';
  await expect(run('sh', sh(story), { timeout: 100 })).rejects.toMatchObject({
    failure: 'timeout',
  });
});

test('a cancelled command ends', async () => {
  const cancel = new AbortController();
  const running = run('sleep', ['1000'], { timeout: 600_000, signal: cancel.signal });
  cancel.abort();
  await expect(running).rejects.toMatchObject({
    failure: 'cancelled',
    message: 'sleep was cancelled',
  });
});

test('a command that writes without end is ended', async () => {
  const flood = run('yes', [], { timeout: 600_000, maxOutput: 1_000 });
  await expect(flood).rejects.toMatchObject({
    failure: 'output',
    message: 'yes wrote more output than it may',
  });
});
