import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { makeCertificateRequest } from '../../apps/agent/membership/identity/certificate-request.ts';
import { loadKey } from '../../apps/agent/membership/identity/key.ts';
import { Authority } from '../../apps/control-plane/trust/authority.ts';
import { readCertificateRequest } from '../../apps/control-plane/trust/certificate-request.ts';
import { makeRoot } from '../../apps/control-plane/trust/issue.ts';
import { RegisterRequestSchema } from '../../apps/proto/gen/quantix/v1/node_service_pb.js';
import { temporaryFolder } from '../unit/folder.ts';
import { type Host, NodeApi } from './node-api.ts';

const SERVICE = '/quantix.v1.NodeService/';

/** An API for agents, and a node whose calls must be answered whatever other callers do. */
async function opened(options: Parameters<typeof NodeApi.open>[0] = {}) {
  const api = await NodeApi.open(options);
  return { api, host: await api.host(await api.token()) };
}

async function expectServed(host: Host): Promise<void> {
  expect(await host.connection.client.heartbeat({})).toMatchObject({ applied: true });
}

/** Opens a plain HTTP/2 connection, with or without a certificate. */
async function raw(api: NodeApi, host?: Host): Promise<ClientHttp2Session> {
  const session = connectHttp2(api.origin, {
    rejectUnauthorized: false,
    ...(host === undefined
      ? {}
      : {
          cert: host.enrolment.credentials.certificateChain,
          key: host.key.privateKey.export({ type: 'pkcs8', format: 'pem' }),
        }),
  });
  session.on('error', () => undefined);
  await once(session, 'connect');
  return session;
}

/** Begins a request. @returns its stream, and its outcome: status, 0 without an answer, and body */
function begin(session: ClientHttp2Session, method: string, headers: Record<string, string> = {}) {
  const stream = session.request({
    ':method': 'POST',
    ':path': `${SERVICE}${method}`,
    'content-type': 'application/proto',
    'connect-protocol-version': '1',
    ...headers,
  });
  stream.on('error', () => undefined);
  const { promise, resolve } = Promise.withResolvers<{ status: number; body: string }>();
  let status = 0;
  let body = '';
  stream.on('response', (one) => {
    status = Number(one[':status']);
  });
  stream.on('data', (chunk) => {
    body += chunk;
  });
  stream.on('close', () => resolve({ status, body }));
  return { stream, outcome: promise };
}

/** The answer that a TLS client gets. */
async function handshake(api: NodeApi, options: ConnectionOptions): Promise<string> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: api.port,
    rejectUnauthorized: false,
    ...options,
  });
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.on('secureConnect', () => resolve(`${socket.getProtocol()} ${socket.alpnProtocol}`));
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

const lines = ({ lines: all }: NodeApi, pattern: RegExp) => all.filter((one) => pattern.test(one));

test('a client without TLS, with an older TLS or without HTTP/2 is disconnected and logged in one line', async () => {
  const { api, host } = await opened();
  await using _api = api;
  for (let count = 0; count < 3; count += 1) {
    const plain = connectTcp(api.port, '127.0.0.1');
    plain.on('error', () => undefined);
    plain.write('POST /quantix.v1.NodeService/Register HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(plain, 'close');
  }
  expect(await handshake(api, { maxVersion: 'TLSv1.2' })).toMatch(/PROTOCOL_VERSION/);
  expect(await handshake(api, { ALPNProtocols: ['http/1.1'] })).toMatch(/ALERT|RESET|ALPN|TLSv1.3/);
  await expectServed(host);
  expect(lines(api, /^127\.0\.0\.1: TLS failed: ERR_SSL_HTTP_REQUEST$/)).toHaveLength(1);
  expect(lines(api, /TLS failed: ERR_SSL_UNSUPPORTED_PROTOCOL/)).toHaveLength(1);
});

test('a caller without a certificate, or with one of another authority or of a server, is not accepted as a node', async () => {
  const { api, host } = await opened();
  await using _api = api;
  const root = await makeRoot();
  const other = new Authority(`${root.key}\n${root.certificate}`, 'ca.pem');
  const key = await loadKey(await temporaryFolder(), () => undefined);
  const foreign = await other.sign(await readCertificateRequest(await makeCertificateRequest(key)));
  const server = await api.authority.serverCertificate();
  const shown = [
    {},
    { cert: foreign, key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }) },
    { cert: server.chain, key: server.key },
  ];
  for (const certificate of shown) {
    const session = connectHttp2(api.origin, { rejectUnauthorized: false, ...certificate });
    session.on('error', () => undefined);
    for (const method of ['Heartbeat', 'Leave', 'RenewCertificate', 'ReportTask']) {
      const { stream, outcome } = begin(session, method);
      stream.end();
      expect(await outcome).toMatchObject({ status: 403, body: /permission_denied/ });
    }
    session.destroy();
  }
  // Another node's certificate is public; its key is not.
  const stolen = { cert: host.enrolment.credentials.certificateChain, key: server.key };
  await expect(async () => connectHttp2(api.origin, stolen)).rejects.toThrow(
    /key values mismatch/i,
  );
  await expectServed(host);
});

test('a body of 100 MB is cut off early, from nodes and from callers that have not joined', async () => {
  const { api, host } = await opened();
  await using _api = api;
  for (const [caller, method] of [
    [undefined, 'Register'],
    [host, 'Heartbeat'],
    [host, 'NotifyVMChange'],
  ] as const) {
    const session = await raw(api, caller);
    const { stream, outcome } = begin(session, method);
    const chunk = Buffer.alloc(1024 * 1024, 0x0a);
    let sent = 0;
    const more = () => {
      while (sent < 100 && !stream.destroyed) {
        sent += 1;
        if (!stream.write(chunk)) {
          stream.once('drain', more);
          return;
        }
      }
    };
    more();
    expect((await outcome).status).not.toBe(200);
    expect(sent).toBeLessThan(20);
    session.destroy();
  }
  await expectServed(host);
});

test('a request whose body does not arrive in time is cancelled', async () => {
  const { api, host } = await opened({ bodyWithin: 2000 });
  await using _api = api;
  const session = await raw(api);
  const { stream, outcome } = begin(session, 'Register');
  stream.write(Buffer.from([0x0a]));
  expect((await outcome).status).toBe(0);
  expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
  session.destroy();
  await expectServed(host);
  expect(lines(api, /did not come in time/)).toHaveLength(1);
});

test('malformed requests are answered, and the server keeps running', async () => {
  const { api, host } = await opened();
  await using _api = api;
  const session = await raw(api, host);
  const odd: Record<string, string>[] = [
    { ':authority': 'a b' },
    { ':authority': '[' },
    { ':path': '//' },
    { ':path': `${SERVICE}Nothing` },
    { 'content-type': 'text/html' },
    { 'content-encoding': 'gzip' },
    { 'connect-timeout-ms': 'soon' },
    { ':method': 'PUT' },
  ];
  for (const headers of odd) {
    const { stream, outcome } = begin(session, 'Heartbeat', headers);
    stream.end(Buffer.from([0x0a, 0x02, 0x08, 0x01]));
    const { status } = await outcome;
    expect([JSON.stringify(headers), status >= 400 || status === 0]).toEqual([
      JSON.stringify(headers),
      true,
    ]);
  }
  const { stream, outcome } = begin(session, 'Heartbeat');
  stream.end(Buffer.from('ffffffffffff', 'hex'));
  expect((await outcome).status).toBeGreaterThanOrEqual(400);
  session.destroy();
  await expectServed(host);
});

test('10,000 guesses of a token make a few log lines, and nodes are served meanwhile', {
  timeout: 240_000,
}, async () => {
  const { api, host } = await opened();
  await using _api = api;
  const request = await makeCertificateRequest(host.key);
  const statuses = new Map<number, number>();
  for (let round = 0; round < 20; round += 1) {
    const session = await raw(api);
    for (let group = 0; group < 50; group += 1) {
      const guesses = Array.from({ length: 10 }, (_, index) => {
        const tokenSecret = `guess-${round}-${group}-${index}`.padEnd(43, 'x');
        const guess = { tokenSecret, certificateRequest: request, host: { hostname: 'a' } };
        const { stream, outcome } = begin(session, 'Register');
        stream.end(toBinary(RegisterRequestSchema, create(RegisterRequestSchema, guess)));
        return outcome;
      });
      for (const { status } of await Promise.all(guesses)) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }
    session.destroy();
    await expectServed(host);
  }
  const { 401: unauthenticated = 0, 429: exhausted = 0 } = Object.fromEntries(statuses);
  expect(unauthenticated + exhausted).toBe(10_000);
  expect(unauthenticated).toBeLessThan(100);
  expect(lines(api, /Register/).length).toBeLessThan(10);
  expect(lines(api, /guess/)).toEqual([]);
  await expectServed(host);
});

test('callers that disconnect at any moment end only their own requests', async () => {
  const { api, host } = await opened();
  await using _api = api;
  const bodies = [Buffer.alloc(0), Buffer.from([0x0a]), Buffer.alloc(100_000, 0x0a)];
  for (let round = 0; round < 60; round += 1) {
    const session = await raw(api, round % 2 === 0 ? host : undefined);
    const methods = ['Heartbeat', 'Register', 'SyncFullState', 'Watch', 'Nothing'];
    const streams = methods.map((method) => begin(session, method).stream);
    for (const [index, stream] of streams.entries()) {
      const body = bodies[(round + index) % bodies.length];
      if (index % 2 === 0) stream.end(body);
      else stream.write(body);
    }
    // The connection ends at a different moment each time: before anything was sent, in the middle, after some answers.
    for (let tick = 0; tick < round % 7; tick += 1) await new Promise(setImmediate);
    if (round % 3 === 0) for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
    session.destroy();
  }
  await expectServed(host);
  const watching = begin(await raw(api, host), 'Watch');
  await api.stop();
  expect((await watching.outcome).status).not.toBe(401);
});

test('a node that calls too often is told to wait, and other nodes are served', async () => {
  const { api, host } = await opened({ callRate: { burst: 5, every: 60_000 } });
  await using _api = api;
  const other = await api.host(await api.token());
  const answers = await Promise.allSettled(
    Array.from({ length: 10 }, () => host.connection.client.heartbeat({})),
  );
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
  await expectServed(other);
  expect(lines(api, /called too often/)).toHaveLength(1);
});
