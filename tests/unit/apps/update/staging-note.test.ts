import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  cancelStaging,
  readStagingNote,
  writeStagingNote,
} from '../../../../apps/update/staging-note.ts';
import { temporaryFolder } from '../../folder.ts';

const NOTE = { version: '0.2.0', done: 1, bytes: 10, problem: null, over: false };

/** Starts a process that writes a note about an update in progress. */
async function stager(root: string) {
  const module = join(import.meta.dirname, '../../../../apps/update/staging-note.ts');
  const text = `import { writeStagingNote } from ${JSON.stringify(module)};
await writeStagingNote(${JSON.stringify(NOTE)}, ${JSON.stringify(root)});
setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: 'inherit' });
  onTestFinished(() => void child.kill('SIGKILL'));
  await vi.waitFor(async () => expect((await readStagingNote(root))?.running).toBe(true), {
    timeout: 30_000,
  });
  return child;
}

test('a staging process is ended, whoever started it', async () => {
  const root = await temporaryFolder();
  const child = await stager(root);
  const ended = once(child, 'close');
  expect(await cancelStaging(root)).toBe(true);
  expect(await ended).toEqual([null, 'SIGTERM']);
  expect((await readStagingNote(root))?.running).toBe(false);
  expect(await cancelStaging(root)).toBe(false);
});

test('another process with the same process id is not ended', async () => {
  const root = await temporaryFolder();
  expect(await cancelStaging(root)).toBe(false);
  const child = await stager(root);
  const file = join(root, 'run/quantix/update/staging.json');
  const note = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify({ ...note, started: '1' }));
  expect(await cancelStaging(root)).toBe(false);
  expect(child.exitCode ?? child.signalCode).toBeNull();
  await writeStagingNote({ ...NOTE, over: true }, root);
  expect(await cancelStaging(root)).toBe(false);
});
