import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { Qmp } from '../../../build/qemu/qmp.ts';

let server: Server;
let far: Socket;
let qmp: Qmp;

/** QEMU's answers to commands. */
type Answers = (command: { execute: string; id: number }) => object | undefined;

afterEach(() => {
  qmp[Symbol.dispose]();
  far.destroy();
  server.close();
});

async function talkTo(answers: Answers): Promise<void> {
  server = createServer((socket) => {
    far = socket.on('error', () => undefined);
    far.write('{"QMP": {"version": {}, "capabilities": []}}\n');
    createInterface({ input: far })
      .on('error', () => undefined)
      .on('line', (line) => {
        const command: Parameters<Answers>[0] = JSON.parse(line);
        const answer = command.execute === 'qmp_capabilities' ? { return: {} } : answers(command);
        if (answer !== undefined) far.write(`${JSON.stringify({ ...answer, id: command.id })}\n`);
      });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = z.object({ port: z.number() }).parse(server.address());
  const socket = createConnection(port, '127.0.0.1');
  await once(socket, 'connect');
  qmp = await Qmp.over(socket);
}

test('a command returns what QEMU returns', async () => {
  await talkTo(({ execute }) => ({ return: { asked: execute } }));
  expect(await qmp.execute('query-status')).toEqual({ asked: 'query-status' });
});

test('a command that QEMU refuses fails with QEMU’s message', async () => {
  await talkTo(() => ({ error: { class: 'GenericError', desc: 'there is no such device' } }));
  await expect(qmp.execute('device_del')).rejects.toThrow('QEMU refuses: there is no such device');
});

test('an event resolves all waits for it', async () => {
  await talkTo(() => undefined);
  const shutdown = qmp.event('SHUTDOWN');
  far.write('{"event": "SHUTDOWN", "timestamp": {"seconds": 1, "microseconds": 2}}\n');
  await expect(shutdown).resolves.toBeUndefined();
});

test('an unanswered command fails when QEMU ends', async () => {
  await talkTo(() => undefined);
  const waiting = qmp.execute('system_powerdown');
  far.end();
  await expect(waiting).rejects.toThrow('QEMU closed its control socket');
});

test('when the connection is reset, the waiting commands fail, and nothing else does', async () => {
  await talkTo(() => undefined);
  const waiting = qmp.execute('system_powerdown');
  far.resetAndDestroy();
  await expect(waiting).rejects.toThrow('ECONNRESET');
});

test('a line that is not a message ends the connection', async () => {
  await talkTo(() => undefined);
  const waiting = qmp.execute('query-status');
  far.write('Segmentation fault\n');
  await expect(waiting).rejects.toThrow('QEMU’s control socket says Segmentation fault');
});
