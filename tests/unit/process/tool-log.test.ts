import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { feedTool } from '../../../build/process/feed.ts';
import { run } from '../../../build/process/run.ts';
import { ToolLog } from '../../../build/process/tool-log.ts';
import { temporaryFolder } from '../folder.ts';

/** A log, and the environment in which mksquashfs and mtype are scripts. */
async function withScripts(script: string) {
  const folder = await temporaryFolder();
  for (const name of ['mksquashfs', 'mtype']) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const log = new ToolLog(join(folder, 'logs/x.log'), 'a build');
  return { folder, log, env: { PATH: `${folder}${delimiter}${process.env.PATH}` } };
}

test('the log has the command line, the exit and the output of each tool', async () => {
  const { log, env } = await withScripts('cat >/dev/null; echo said; echo complained >&2; exit 3');
  await log.during(async () => {
    await expect(run('mtype', ['a b', "it's"], { env })).rejects.toThrow('mtype exited with 3');
    await expect(feedTool(['mksquashfs', '-'], [], { env })).rejects.toThrow('exited with 3');
  });
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
  const lines = [
    `${time} a build`,
    String.raw`${time} \[1\] mtype 'a b' 'it'\\''s'`,
    String.raw`${time} \[1\] ended with 3 after \d+\.\d\d s`,
    '    said',
    '    complained',
    String.raw`${time} \[2\] mksquashfs -`,
    String.raw`${time} \[2\] ended with 3 after \d+\.\d\d s`,
    '    complained',
  ];
  expect(await readFile(log.file, 'utf8')).toMatch(new RegExp(`^${lines.join('\n')}\n$`));
});

test('the log has missing and cancelled tools', async () => {
  const { log, env } = await withScripts('exec sleep 1000');
  const cancel = new AbortController();
  await log.during(async () => {
    await expect(run('xorriso', [], { env: { PATH: '/nonexistent' } })).rejects.toThrow('missing');
    const running = run('mtype', [], { env, signal: cancel.signal });
    cancel.abort();
    await expect(running).rejects.toThrow('cancelled');
  });
  const text = await readFile(log.file, 'utf8');
  expect(text).toMatch(/\[1\] did not run: ENOENT after/);
  expect(text).toMatch(/\[2\] was ended by SIG(TERM|KILL) after/);
});

test('the log has neither control characters nor passwords in addresses', async () => {
  const { log, env } = await withScripts(`printf '\\033[2Jfrom http://me:secret@mirror/x\\n'`);
  await log.during(() => run('mtype', ['https://me:secret@mirror/y'], { env }));
  const text = await readFile(log.file, 'utf8');
  expect(text).toContain('\\u{1b}[2Jfrom http://mirror/x\n');
  expect(text).toContain(' https://mirror/y\n');
  expect(text).not.toContain('secret');
});

test('a build without tools writes no log, and tools outside the build are not logged', async () => {
  const { log, env } = await withScripts('echo said');
  await log.during(() => Promise.resolve());
  await run('mtype', [], { env });
  expect(existsSync(log.file)).toBe(false);
  expect(log.isWritten).toBe(false);
});

test('nothing is added to a closed log', async () => {
  const { folder, log, env } = await withScripts(
    'while [ ! -e "$GATE" ]; do sleep 0.05; done; echo late',
  );
  const gate = join(folder, 'gate');
  await log.during(async () => {
    const running = run('mtype', [], { env: { ...env, GATE: gate } });
    await vi.waitFor(() => expect(log.isWritten).toBe(true), 30_000);
    log.close();
    await writeFile(gate, '');
    await running;
  });
  expect(await readFile(log.file, 'utf8')).toMatch(/ \[1\] mtype\n$/);
});

test('a log that cannot be written does not stop the work', async () => {
  const { folder, env } = await withScripts('echo said');
  await writeFile(join(folder, 'no-folder'), '');
  const log = new ToolLog(join(folder, 'no-folder/x.log'), 'a build');
  expect(await log.during(() => run('mtype', [], { env }))).toBe('said');
  expect(log.isWritten).toBe(false);
});
