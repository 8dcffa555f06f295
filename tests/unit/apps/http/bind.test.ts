import { spawnSync } from 'node:child_process';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { bind } from '../../../../apps/http/bind.ts';
import { temporaryFolder } from '../../folder.ts';

function server() {
  const one = createServer((socket) => socket.end());
  onTestFinished(async () => {
    if (one.listening) await new Promise((resolve) => one.close(resolve));
  });
  return one;
}

test('the socket is accessible to root only, from the first moment on', async () => {
  const socket = join(await temporaryFolder(), 'deep', 'run', 'node.sock');
  const umask = process.umask();
  await bind(server(), socket);
  expect((await stat(socket)).mode & 0o777).toBe(0o600);
  expect(process.umask()).toBe(umask);
});

test('the socket that a killed agent left behind is replaced', async () => {
  const socket = join(await temporaryFolder(), 'node.sock');
  const program = `require('net').createServer().listen('${socket}', () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', program]);
  expect((await stat(socket)).isSocket()).toBe(true);
  const own = server();
  await bind(own, socket);
  expect(own.listening).toBe(true);
});

test('the socket of a running agent is not replaced', async () => {
  const socket = join(await temporaryFolder(), 'node.sock');
  const first = server();
  await bind(first, socket);
  await expect(bind(server(), socket)).rejects.toThrow(`another program listens on ${socket}`);
  expect(first.listening).toBe(true);
});

test('a file in the place of the socket is kept', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'node.sock');
  await writeFile(file, 'precious');
  await expect(bind(server(), file)).rejects.toThrow('is in the way: it is not a socket');
  expect(await readFile(file, 'utf8')).toBe('precious');
  await mkdir(join(folder, 'dir'));
  await expect(bind(server(), join(folder, 'dir'))).rejects.toThrow('is in the way');
});
