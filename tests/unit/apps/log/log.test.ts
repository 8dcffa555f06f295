import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BoundedFile } from '../../../../apps/log/bounded-file.ts';
import { formatErrorMessages, toOneLine } from '../../../../apps/log/line.ts';
import { createLogger } from '../../../../apps/log/logger.ts';
import { temporaryFolder } from '../../folder.ts';

const now = () => new Date(Date.UTC(2026, 0, 2, 3, 4, 5));

test('a message is one line with its level, and in the file also with its time', async () => {
  const path = join(await temporaryFolder(), 'quantix/node.log');
  const seen: string[] = [];
  using file = new BoundedFile(path);
  const log = createLogger({ level: 'info', write: (line) => seen.push(line), file, now });
  log.info('the address is now\n10.0.0.7');
  log.debug('left out');
  log.error('\x1b[31mred\x07');
  expect(seen).toEqual(['info: the address is now | 10.0.0.7', 'error: ?[31mred?']);
  expect(await readFile(path, 'utf8')).toBe(
    '2026-01-02T03:04:05.000Z info: the address is now | 10.0.0.7\n2026-01-02T03:04:05.000Z error: ?[31mred?\n',
  );
});

test('a log file never exceeds its limit, and one older file is kept', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'log');
  using file = new BoundedFile(path, 100);
  for (let line = 0; line < 100; line += 1) file.writeLine(`line ${String(line).padStart(4, '0')}`);
  expect((await readdir(folder)).sort()).toEqual(['log', 'log.1']);
  const kept = (await readFile(`${path}.1`, 'utf8')) + (await readFile(path, 'utf8'));
  const lines = kept.trim().split('\n');
  expect(kept.length).toBeLessThanOrEqual(200);
  expect(lines.at(-1)).toBe('line 0099');
  expect(lines).toEqual([...lines].sort());
});

test('a restarted program continues its log file', async () => {
  const path = join(await temporaryFolder(), 'log');
  for (const line of ['first', 'second']) {
    using file = new BoundedFile(path, 100);
    file.writeLine(line);
  }
  using file = new BoundedFile(path, 14);
  file.writeLine('third');
  expect(await readFile(path, 'utf8')).toBe('third\n');
  expect(await readFile(`${path}.1`, 'utf8')).toBe('first\nsecond\n');
});

test('a removed log file is created again when the next generation begins', async () => {
  const path = join(await temporaryFolder(), 'log');
  using file = new BoundedFile(path, 10);
  file.writeLine('123456');
  await rm(path);
  file.writeLine('abcdef');
  expect(await readFile(path, 'utf8')).toBe('abcdef\n');
});

test('a file that cannot be written is reported once, and the messages go on', () => {
  const seen: string[] = [];
  const log = createLogger({
    level: 'debug',
    write: (line) => seen.push(line),
    file: {
      writeLine() {
        throw new Error('ENOSPC: no space left on device, write');
      },
    },
  });
  log.info('a');
  log.info('b');
  expect(seen).toEqual([
    'info: a',
    'error: the log file cannot be written: Error: ENOSPC: no space left on device, write',
    'info: b',
  ]);
});

test('an error is reported with its causes, each once', () => {
  const cause = new Error('connection refused', { cause: new Error('port 443') });
  expect(formatErrorMessages(new Error('no heartbeat', { cause }))).toBe(
    'no heartbeat: connection refused: port 443',
  );
  expect(formatErrorMessages(new Error('no: connection refused', { cause }))).toBe(
    'no: connection refused',
  );
  expect(formatErrorMessages('just words')).toBe('just words');
});

test('a very long message is shortened', () => {
  expect(toOneLine('x'.repeat(10_000))).toHaveLength(4_097);
});
