import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { openMetricsPort } from '../../../../../apps/agent/server/metrics-port.ts';
import { createMetricsRoute } from '../../../../../apps/agent/server/routes.ts';
import { createLogger } from '../../../../../apps/log/logger.ts';
import { temporaryFolder } from '../../../folder.ts';
import { FakeClock } from '../membership/fake-clock.ts';
import { smallParts, world } from './small-parts.ts';

const TOKEN = 'x'.repeat(40);

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A port for metrics, with a stand-in for nft(8) that records its calls. */
async function opened(
  folder: string,
  port: number,
  nft = 'echo "$@" >>"$0.log"; cat "$2" >>"$0.log"',
) {
  const program = join(folder, 'nft');
  await writeFile(program, `#!/bin/sh\n${nft}\n`);
  await chmod(program, 0o755);
  const lines: string[] = [];
  const end = new AbortController();
  const clock = new FakeClock();
  const metrics = openMetricsPort({
    settings: { port, token: TOKEN },
    folder,
    route: createMetricsRoute(smallParts(world())),
    log: createLogger({ level: 'info', write: (line) => void lines.push(line) }),
    signal: end.signal,
    clock,
    firewall: { folder: join(folder, 'run'), program },
  });
  const stop = async () => {
    end.abort();
    await metrics.ended;
  };
  onTestFinished(stop);
  const said = (pattern: RegExp) => expect.poll(() => lines.join('\n')).toMatch(pattern);
  return { ...metrics, stop, said, lines, clock, log: () => readFile(`${program}.log`, 'utf8') };
}

interface Asking {
  port: number;
  path?: string;
  authorization?: string;
  ca: string;
  maxVersion?: 'TLSv1.2';
}

async function ask({ port, path = '/metrics', authorization, ca, maxVersion }: Asking) {
  return await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    get(
      {
        port,
        host: '127.0.0.1',
        path,
        ca,
        servername: 'metrics.quantix.internal',
        agent: false,
        headers: authorization === undefined ? {} : { authorization },
        ...(maxVersion === undefined ? {} : { maxVersion }),
      },
      async (response) => resolve({ status: response.statusCode, body: await text(response) }),
    ).on('error', reject);
  });
}

test('a caller with the token gets metrics over TLS, with a certificate that stays the same', async () => {
  const [folder, port] = [await temporaryFolder(), await freePort()];
  const first = await opened(folder, port);
  await first.said(/metrics are served at port \d+; SHA-256 of the certificate: [0-9A-F:]{95}/);
  const ca = await readFile(`${folder}/metrics.pem`, 'utf8');
  expect((await stat(`${folder}/metrics.pem`)).mode & 0o777).toBe(0o600);
  const authorization = `Bearer ${TOKEN}`;
  const told = await ask({ port, ca, authorization });
  expect(told).toMatchObject({ status: 200, body: expect.stringContaining('quantix_node_info') });
  for (const wrong of [undefined, 'Bearer', 'Bearer ', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`]) {
    const refused = await ask({
      port,
      ca,
      ...(wrong === undefined ? {} : { authorization: wrong }),
    });
    expect(refused.status, wrong).toBe(401);
    expect(refused.body).not.toContain('quantix_node_info');
  }
  for (const path of ['/', '/healthz', '/v1/host', '/v1/vms']) {
    expect((await ask({ port, ca, authorization, path })).status).toBe(404);
  }
  await expect(ask({ port, ca, authorization, maxVersion: 'TLSv1.2' })).rejects.toThrow(
    /protocol/i,
  );
  expect(first.problem()).toBeUndefined();
  expect(await first.log()).toContain(`add element inet quantix open_tcp { ${port} }`);
  await first.stop();
  expect(await first.log()).toContain(`delete element inet quantix open_tcp { ${port} }`);
  await expect(ask({ port, ca, authorization })).rejects.toThrow(/ECONNREFUSED/);
  const second = await opened(folder, port);
  await second.said(/are served/);
  expect((await ask({ port, ca, authorization })).status).toBe(200);
});

test('bytes that are not TLS end only their connection', async () => {
  const [folder, port] = [await temporaryFolder(), await freePort()];
  const metrics = await opened(folder, port);
  await metrics.said(/are served/);
  for (const bytes of [
    'GET /metrics HTTP/1.1\r\n\r\n',
    '\x16\x03\x01\xff\xff',
    '\0'.repeat(1000),
  ]) {
    const socket = connect(port, '127.0.0.1').resume();
    socket.on('error', () => {});
    socket.end(bytes, 'latin1');
    await new Promise((resolve) => socket.once('close', resolve));
  }
  const ca = await readFile(`${folder}/metrics.pem`, 'utf8');
  expect((await ask({ port, ca, authorization: `Bearer ${TOKEN}` })).status).toBe(200);
});

test('a port that is taken is reported, and opened once it is free', async () => {
  const [folder, port] = [await temporaryFolder(), await freePort()];
  const other = createServer().listen(port);
  const metrics = await opened(folder, port);
  await metrics.said(/metrics are not served at port \d+: .*EADDRINUSE/);
  expect(metrics.problem()).toMatch(/EADDRINUSE/);
  await new Promise((resolve) => other.close(resolve));
  await metrics.clock.skip();
  await metrics.said(/are served/);
  expect(metrics.problem()).toBeUndefined();
});

test('a firewall that cannot be opened is reported, and the port is not opened', async () => {
  const [folder, port] = [await temporaryFolder(), await freePort()];
  const metrics = await opened(folder, port, 'echo "no such table" >&2; exit 1');
  await metrics.said(/metrics are not served at port \d+: .*no such table/);
  expect(metrics.problem()).toMatch(/no such table/);
});

test.each(['', 'x', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'])(
  'a certificate that cannot be read, %j, is set aside, and a new one is made',
  async (content) => {
    const [folder, port] = [await temporaryFolder(), await freePort()];
    await writeFile(`${folder}/metrics.pem`, content);
    const metrics = await opened(folder, port);
    await metrics.said(/metrics\.pem\.rejected[\s\S]*are served/);
  },
);
