import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { run } from '../../../../apps/process/run.ts';
import { splitLines, streamLines } from '../../../../apps/process/stream-lines.ts';

const sh = (text: string) => ['-c', text];
const never = new AbortController().signal;

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

test('lines arrive while the command runs, until the signal', async () => {
  const end = new AbortController();
  const seen: string[] = [];
  const endless = sh('i=0; while :; do echo $i; i=$((i + 1)); sleep 0.05; done');
  for await (const line of streamLines('sh', endless, { signal: end.signal })) {
    seen.push(line);
    if (seen.length === 3) end.abort();
  }
  expect(seen).toEqual(['0', '1', '2']);
});

test('a successful end of the command ends the loop; a last line without line feed is returned', async () => {
  const lines = streamLines('printf', ['a\\n\\nb'], { signal: never });
  expect(await collect(lines)).toEqual(['a', '', 'b']);
});

test('a command for which no file descriptor is free is reported', async () => {
  const file = (name: string) => resolve(import.meta.dirname, '../../../../apps/process', name);
  const program = `
    import { openSync } from 'node:fs';
    import { run } from '${file('run.ts')}';
    import { streamLines } from '${file('stream-lines.ts')}';
    await run('true', [], { timeout: 30_000 });
    try { for (;;) openSync('/dev/null', 'r'); } catch {}
    try {
      for await (const _ of streamLines('true', [], { signal: new AbortController().signal }));
    } catch ({ name, message }) { console.log(name + ': ' + message); }`;
  const limited = 'ulimit -n 64; exec "$0" --input-type=module -e "$1"';
  const told = await run('sh', ['-c', limited, process.execPath, program], { timeout: 60_000 });
  expect(told).toBe('CommandError: true could not be started: EMFILE');
});

test('a command that fails is reported with its last output, after its lines', async () => {
  const lines = streamLines('sh', sh('echo a; echo the bus is gone >&2; exit 4'), {
    signal: never,
  });
  expect((await lines.next()).value).toBe('a');
  await expect(lines.next()).rejects.toMatchObject({
    failure: 'exit',
    exitCode: 4,
    message: 'sh exited with 4: the bus is gone',
  });
});

test('a command that is missing is reported', async () => {
  const lines = streamLines('quantix-nonesuch', [], { signal: never });
  await expect(collect(lines)).rejects.toMatchObject({ failure: 'missing' });
});

test('leaving the loop ends the command and its children', async () => {
  let pid = 0;
  for await (const line of streamLines('sh', sh('sleep 1000 & echo $!; wait'), { signal: never })) {
    pid = Number(line);
    break;
  }
  expect(pid).toBeGreaterThan(1);
  while (!isGone(pid)) await wait(10);
});

test('with an aborted signal no command is started', async () => {
  expect(await collect(streamLines('yes', [], { signal: AbortSignal.abort() }))).toEqual([]);
});

test('lines are joined from chunks, and a very long line is shortened', async () => {
  async function* pieces() {
    yield 'a';
    yield 'b\nc';
    yield 'd\n';
    for (let index = 0; index < 100; index += 1) yield 'x'.repeat(10_000);
    yield '\nend';
  }
  const lines = await collect(splitLines(pieces()));
  expect(lines.map((line) => line.length)).toEqual([2, 2, 64 * 1024, 3]);
});
