import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { askAgent } from '../../../../apps/agent/client/ask-agent.ts';
import { temporaryFolder } from '../../folder.ts';

const schema = z.object({ name: z.string() });

/** Starts an agent that gives the same answer to every request. */
async function agent(status: number, body: string): Promise<string> {
  const socketPath = join(await temporaryFolder(), 'node.sock');
  const server = createServer((_, response) => response.writeHead(status).end(body));
  server.listen(socketPath);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return socketPath;
}

const ask = (socketPath: string, signal = AbortSignal.any([])) =>
  askAgent({ path: '/v1/host', schema, signal, socketPath });

test('the agent’s answer is parsed, also one with status 503', async () => {
  expect(await ask(await agent(200, '{"name":"node7"}'))).toEqual({ name: 'node7' });
  expect(await ask(await agent(503, '{"name":"node7"}'))).toEqual({ name: 'node7' });
});

test.each([
  [404, '', 'the agent answers 404 to /v1/host'],
  [200, '', "the agent's answer to /v1/host cannot be understood"],
  [200, '{"name":7}', "the agent's answer to /v1/host cannot be understood"],
  [200, `${'['.repeat(5000)}`, "the agent's answer to /v1/host is not JSON"],
])('an answer %i %j is refused', async (status, body, message) => {
  await expect(ask(await agent(status, body))).rejects.toThrow(message);
});

test('an agent that does not run is reported', async () => {
  const nobody = join(await temporaryFolder(), 'node.sock');
  await expect(ask(nobody)).rejects.toThrow(`qx-node is not running: nothing listens on ${nobody}`);
});

test('a request ends when its signal is aborted', async () => {
  const socketPath = join(await temporaryFolder(), 'node.sock');
  const server = createServer(() => undefined).listen(socketPath);
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const ending = new AbortController();
  const asked = ask(socketPath, ending.signal);
  server.once('request', () => ending.abort());
  await expect(asked).rejects.toThrow('qx-node does not answer');
});
