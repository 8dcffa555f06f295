import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type ConnectRouter, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';
import { EtcdError } from '../../../../../apps/control-plane/coordination/error.ts';
import {
  createEtcdClient,
  type Etcd,
  openEtcd,
} from '../../../../../apps/control-plane/coordination/etcd.ts';
import { KV, Lease, Watch } from '../../../../../apps/proto/gen/etcd/rpc_pb.js';

const ADDRESS = 'http://etcd.test';
const LEASE = { id: 7n, seconds: 15 };
const header = { revision: 5n };
const READ = { success: [{ kind: 'read' as const, key: 'a' }] };

/** Connects to a stand-in for etcd with the answers of a test. */
function answering(routes: (router: ConnectRouter) => void): Etcd {
  return createEtcdClient(createRouterTransport(routes), ADDRESS, () => undefined);
}

async function failureOf(work: Promise<unknown>): Promise<EtcdError> {
  const error = await work.then(
    () => undefined,
    (one: unknown) => one,
  );
  if (error instanceof EtcdError) return error;
  throw new Error('it was not refused', { cause: error });
}

async function watchOnce(etcd: Etcd): Promise<unknown> {
  return await etcd.watch('a', 1, new AbortController().signal).next();
}

describe('an invalid answer of etcd is reported', () => {
  const kv = { key: Buffer.from('a'), value: Buffer.from('b'), createRevision: 3n };
  const range = { response: { case: 'responseRange' as const, value: { kvs: [kv] } } };

  test.each([
    ['nothing at all', {}],
    ['no revision', { succeeded: true, header: {}, responses: [range] }],
    ['a revision below 1', { succeeded: true, header: { revision: -1n }, responses: [range] }],
    [
      'a revision that is too large for an exact number',
      { succeeded: true, header: { revision: 2n ** 62n }, responses: [range] },
    ],
    ['more than was asked for', { succeeded: true, header, responses: [range, range] }],
    [
      'results of the branch that was not executed',
      { succeeded: false, header, responses: [range] },
    ],
    [
      'a key that was never made',
      {
        succeeded: true,
        header,
        responses: [
          {
            response: {
              case: 'responseRange' as const,
              value: { kvs: [{ ...kv, createRevision: 0n }] },
            },
          },
        ],
      },
    ],
  ])('to a transaction: %s', async (_what, answer) => {
    const etcd = answering(({ service }) => service(KV, { txn: () => answer }));
    expect(await failureOf(etcd.transact(READ))).toMatchObject({ failure: 'invalid' });
  });

  test.each([
    ['no id', { TTL: 15n }, 'invalid'],
    ['less time than asked for', { ID: 7n, TTL: 14n }, 'invalid'],
    ['an error', { ID: 7n, TTL: 15n, error: 'too many leases' }, 'refused'],
  ])('to a request for a lease: %s', async (_what, answer, failure) => {
    const etcd = answering(({ service }) => service(Lease, { leaseGrant: () => answer }));
    expect(await failureOf(etcd.grantLease(15))).toMatchObject({ failure });
  });

  test('to a renewal: an answer for another lease', async () => {
    const etcd = answering(({ service }) =>
      service(Lease, {
        async *leaseKeepAlive() {
          yield { ID: 8n, TTL: 15n };
        },
      }),
    );
    expect(await failureOf(etcd.renewLease(LEASE))).toMatchObject({ failure: 'invalid' });
  });

  test.each([
    ['an end without an answer', [], 'unreachable'],
    [
      'that it has compacted the requested revision',
      [{ compactRevision: 9n, canceled: true }],
      'forgotten',
    ],
    [
      'that it was ended, with a reason',
      [{ canceled: true, cancelReason: 'no leader' }],
      'refused',
    ],
    ['a change without a key', [{ events: [{}] }], 'invalid'],
  ])('to a watch: %s', async (_what, answers, failure) => {
    const etcd = answering(({ service }) =>
      service(Watch, {
        async *watch() {
          yield* answers;
        },
      }),
    );
    expect(await failureOf(watchOnce(etcd))).toMatchObject({ failure });
  });
});

test('changes are reported until the last listener ends', async () => {
  const kv = { key: Buffer.from('a'), modRevision: 4n };
  const etcd = answering(({ service }) =>
    service(Watch, {
      async *watch(_requests, { signal }) {
        yield { created: true };
        yield { events: [{ kv }, { type: 1, kv: { ...kv, modRevision: 5n } }] };
        await once(signal, 'abort');
      },
    }),
  );
  const ending = new AbortController();
  const told: unknown[] = [];
  for await (const change of etcd.watch('a', 1, ending.signal)) {
    told.push(change);
    if (told.length === 2) ending.abort();
  }
  expect(told).toEqual([
    { kind: 'put', key: 'a', revision: 4 },
    { kind: 'removed', key: 'a', revision: 5 },
  ]);
});

describe('in place of etcd', () => {
  const others: [string, () => Server][] = [
    ['closes at once', () => createServer((socket) => socket.destroy())],
    ['speaks HTTP/1', () => createHttpServer((_request, response) => response.end('hello'))],
    ['sends noise', () => createServer((socket) => socket.end('\0'.repeat(100)))],
    [
      'serves pages over HTTP/2',
      () => createHttp2Server((_request, response) => response.end('<html>hello</html>')),
    ],
    [
      'answers with less than it says',
      () =>
        createHttp2Server((_request, response) => {
          response.writeHead(200, { 'content-type': 'application/grpc+proto' });
          response.end(Buffer.from([0, 0, 0, 9, 9, 1]));
        }),
    ],
  ];
  test.each(others)('a server that %s is reported in one line', async (_what, create) => {
    const server = create();
    const sockets = new Set<{ destroy(): void }>();
    server.on('connection', (socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const etcd = openEtcd(`http://127.0.0.1:${port}`);
    for (const call of [etcd.transact(READ), etcd.renewLease(LEASE), watchOnce(etcd)]) {
      const { message } = await failureOf(call);
      expect(message).toContain(`(http://127.0.0.1:${port}).`);
      expect(message).not.toContain('\n');
    }
    etcd.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test('a port without a listener is reported', async () => {
    const etcd = openEtcd('http://127.0.0.1:1');
    expect(await failureOf(etcd.grantLease(15))).toMatchObject({
      failure: 'unreachable',
      message: expect.stringContaining('rc-service etcd status'),
    });
    etcd.close();
  });
});
