import { createSocket, Socket } from 'node:dgram';
import { once } from 'node:events';
import * as fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { askLan } from '../../../../../apps/agent/membership/connection/ask-lan.ts';
import { LanAnswerer } from '../../../../../apps/control-plane/node-service/answer-lan.ts';
import { formatLanDatagram, parseLanDatagram } from '../../../../../apps/proto/lan-datagram.ts';

const OURS = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);

const number = fc.uint8Array({ minLength: 8, maxLength: 8 });
const fingerprint = fc.uint8Array({ minLength: 32, maxLength: 32 });
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('a datagram reads back as it was written, and any changed byte is refused', () => {
  fc.assert(
    fc.property(number, fingerprint, fc.integer({ min: 0, max: 65_535 }), (n, f, port) => {
      const kind = port === 0 ? ('question' as const) : ('answer' as const);
      const written = { kind, number: hex(n), fingerprint: hex(f), port };
      expect(parseLanDatagram(formatLanDatagram(written))).toEqual(written);
    }),
  );
  const good = formatLanDatagram({
    kind: 'answer',
    number: '00'.repeat(8),
    fingerprint: OURS,
    port: 9443,
  });
  expect(good.toString('hex')).toBe(`515856440102${'24e3'}${'00'.repeat(8)}${OURS}`);
  for (const [at, value] of [
    [0, 0x71],
    [4, 2],
    [5, 0],
    [5, 1],
    [5, 3],
  ] as const) {
    const bad = Buffer.from(good);
    bad[at] = value;
    expect(parseLanDatagram(bad)).toBeUndefined();
  }
  for (const bytes of [Buffer.alloc(0), good.subarray(1), Buffer.concat([good, Buffer.alloc(1)])]) {
    expect(parseLanDatagram(bytes)).toBeUndefined();
  }
});

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

const never = new AbortController().signal;

test('only a control plane of the requested authority answers, with its port', async () => {
  const lanPort = await freePort();
  const problems: string[] = [];
  const answerer = new LanAnswerer({
    fingerprint: OURS,
    port: 9443,
    lanPort,
    onProblem: (line) => problems.push(line),
  });
  onTestFinished(() => answerer.close());
  const places = {
    group: '127.0.0.1',
    addresses: ['127.0.0.1'],
    port: lanPort,
    ownPort: 0,
    patience: 500,
  };
  expect(await askLan([OTHER, OURS], never, places)).toEqual(['https://127.0.0.1:9443']);
  expect(await askLan([OTHER], never, places)).toEqual([]);
  expect(problems).toEqual([]);
});

test('a question from port 0, which no answer can be sent to, is ignored', async () => {
  const bind = vi.spyOn(Socket.prototype, 'bind');
  const send = vi.spyOn(Socket.prototype, 'send');
  onTestFinished(() => [bind, send].forEach((one) => void one.mockRestore()));
  const given = { fingerprint: OURS, port: 9443, lanPort: await freePort() };
  const answerer = new LanAnswerer({ ...given, onProblem: () => undefined });
  onTestFinished(() => answerer.close());
  const socket = bind.mock.contexts.at(-1);
  if (!(socket instanceof Socket)) throw new Error('no socket was bound');
  await once(socket, 'listening');
  const asked = { kind: 'question', number: '11'.repeat(8), fingerprint: OURS, port: 0 } as const;
  const from = { address: '127.0.0.1', family: 'IPv4', size: 0 };
  socket.emit('message', formatLanDatagram(asked), { ...from, port: 0 });
  expect(send).not.toHaveBeenCalled();
  socket.emit('message', formatLanDatagram(asked), { ...from, port: 9 });
  expect(send).toHaveBeenCalledOnce();
});

test('a multicast group that cannot be joined is joined at a later look', async () => {
  const join = vi.spyOn(Socket.prototype, 'addMembership').mockImplementation(() => {
    throw Object.assign(new Error('no buffer'), { code: 'ENOBUFS' });
  });
  onTestFinished(() => join.mockRestore());
  const lanPort = await freePort();
  const given = { fingerprint: OURS, port: 9443, lanPort, onProblem: () => undefined };
  const answerer = new LanAnswerer(given);
  onTestFinished(() => answerer.close());
  await expect.poll(() => join.mock.calls.length).toBeGreaterThan(0);
  const { length } = join.mock.calls;
  join.mockImplementation(() => undefined);
  answerer.look();
  expect(join).toHaveBeenCalledTimes(2 * length);
  answerer.look();
  expect(join).toHaveBeenCalledTimes(2 * length);
});

test('answers are ignored that belong to another question, are of another authority, or are malformed', async () => {
  const liar = createSocket('udp4').bind(0, '127.0.0.1');
  await once(liar, 'listening');
  onTestFinished(() => {
    liar.close();
  });
  liar.on('message', (bytes, { port, address }) => {
    const told = parseLanDatagram(bytes);
    if (told === undefined) return;
    const answer = { ...told, kind: 'answer', port: 1 } as const;
    for (const lie of [
      formatLanDatagram({ ...answer, number: '11'.repeat(8) }),
      formatLanDatagram({ ...answer, fingerprint: OTHER }),
      bytes,
      Buffer.from('hello'),
    ]) {
      liar.send(lie, port, address);
    }
  });
  const { port } = liar.address();
  const places = { group: '127.0.0.1', addresses: ['127.0.0.1'], port, ownPort: 0, patience: 300 };
  expect(await askLan([OURS], never, places)).toEqual([]);
  expect(await askLan([OURS], never, { ...places, addresses: ['192.0.2.1'] })).toEqual([]);
});
