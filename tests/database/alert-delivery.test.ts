import { createHmac } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ALERT_SEVERITIES } from '../../apps/api/alerts.ts';
import { type DeliverOptions, deliverAlerts } from '../../apps/control-plane/alerts/deliver.ts';
import type { AlertReceiver } from '../../apps/control-plane/alerts/receiver.ts';
import { createSyslogReceiver } from '../../apps/control-plane/alerts/syslog.ts';
import { createWebhookReceiver } from '../../apps/control-plane/alerts/webhook.ts';
import { NotLeaderError } from '../../apps/control-plane/coordination/election.ts';
import {
  dropOverdueNews,
  forgetReceivers,
  listReceivers,
  readReceiver,
  recordDelivery,
  recordFailure,
  recordSkip,
} from '../../apps/control-plane/database/repositories/alert-receivers.ts';
import {
  listOpenAlerts,
  raiseAlert,
  resolveAlert,
} from '../../apps/control-plane/database/repositories/alerts.ts';
import { numberEvents } from '../../apps/control-plane/database/repositories/events.ts';
import { enterLeader } from '../../apps/control-plane/database/repositories/leadership.ts';
import { EventFeed } from '../../apps/control-plane/events/feed.ts';
import { selfSigned } from '../remote-cache/certificate.ts';
import { type OpenTestDatabase, openTestDatabase, SILENT } from './database.ts';

const KEY = Buffer.alloc(32, 7);
const severities = [...ALERT_SEVERITIES];

let folder: string;
let authority: string;
let identity: { cert: string; key: string };
let made: OpenTestDatabase;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quantix-alerts-'));
  const { certificate, key } = await selfSigned('127.0.0.1');
  identity = { cert: certificate, key };
  authority = join(folder, 'ca.pem');
  await writeFile(authority, certificate);
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  made = await openTestDatabase();
  return () => made[Symbol.asyncDispose]();
});

const raise = (title: string, severity = 'CRITICAL') =>
  raiseAlert(made.database.db, {
    ...{ severity, title, message: 'it is so' },
    ...{ sourceType: 'CONTROL_PLANE', sourceName: 'test' },
  });

/** Delivers alerts while the work runs. */
async function delivering(
  receivers: readonly AlertReceiver[],
  work: () => Promise<void>,
  changed: Partial<DeliverOptions> = {},
): Promise<void> {
  const { database, address } = made;
  const ending = new AbortController();
  const { signal } = ending;
  const epoch = await enterLeader(database, { epoch: 1, holder: 'test' });
  const feed = new EventFeed({ database, address, log: SILENT, signal });
  const ended = Promise.all([
    feed.work(),
    deliverAlerts({
      ...{ database, feed, receivers, log: SILENT, signal },
      leadership: { asLeader: (task) => task(epoch) },
      retry: { first: 5, most: 50 },
      ...changed,
    }),
  ]);
  try {
    await expect
      .poll(async () => (await listReceivers(database.db)).length)
      .toBeGreaterThanOrEqual(changed.leadership === undefined ? receivers.length : 0);
    await work();
  } finally {
    ending.abort();
    await ended;
  }
}

const eventually = <T>(look: () => T) => expect.poll(look, { interval: 20 });

interface Posted {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An HTTPS server with a configurable answer; with `hang` it never answers. */
async function startHook() {
  const posted: Posted[] = [];
  const hook = { posted, answer: 204 as number | 'hang', asked: 0 };
  const server = createHttpsServer(identity, async (request, response) => {
    hook.asked += 1;
    const { answer } = hook;
    const body = await text(request);
    if (answer === 'hang') return;
    const { headers } = request;
    // A message that is sent again because its answer was late counts once: a receiver recognizes it by its id.
    const isNew = !posted.some((one) => one.headers['webhook-id'] === headers['webhook-id']);
    if (answer < 300 && isNew) posted.push({ headers, body });
    response.writeHead(answer, { location: 'https://127.0.0.1:1/' }).end('x'.repeat(100_000));
  });
  const port = await listen(server);
  const settings = { name: 'pager', url: `https://127.0.0.1:${port}/q`, authority, severities };
  return {
    hook,
    receiver: createWebhookReceiver(
      { ...settings, secret: `whsec_${KEY.toString('base64')}` },
      300,
    ),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

const titles = (posted: readonly Posted[]) =>
  posted.map(({ body }) => {
    const { type, data } = JSON.parse(body) as { type: string; data: { title: string } };
    return `${type} ${data.title}`;
  });

describe('a webhook', () => {
  test('gets each alert event after its configuration, signed', async () => {
    await raise('before');
    await using started = await startHook();
    const { hook, receiver } = started;
    await delivering([receiver], async () => {
      const { id } = await raise('It burns');
      await eventually(() => hook.posted.length).toBe(1);
      await resolveAlert(made.database.db, id, new Date());
      await eventually(() => titles(hook.posted)).toEqual([
        'alert.raised It burns',
        'alert.cleared It burns',
      ]);
      const { headers, body } = hook.posted[0]!;
      const signed = createHmac('sha256', KEY)
        .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`)
        .digest('base64');
      expect(headers['webhook-signature']).toBe(`v1,${signed}`);
      expect(JSON.parse(body)).toMatchObject({
        type: 'alert.raised',
        data: { alert: id, severity: 'CRITICAL', message: 'it is so', source: { name: 'test' } },
      });
      await eventually(() => listReceivers(made.database.db)).toMatchObject([
        { name: 'pager', problem: '', waiting: 0, lost: 0, failingSince: null },
      ]);
    });
  });

  test('that fails, redirects or hangs gets all events in order afterwards, and does not delay other receivers', async () => {
    await using started = await startHook();
    await using other = await startHook();
    const { hook, receiver } = started;
    const quick = { ...other.receiver, name: 'quick' };
    await delivering([receiver, quick], async () => {
      for (const answer of [500, 302, 'hang'] as const) {
        hook.answer = answer;
        const { asked } = hook;
        await raise(`while ${answer}`);
        await eventually(() => hook.asked).toBeGreaterThan(asked + 1);
        await eventually(async () => (await listReceivers(made.database.db))[0]?.problem).toMatch(
          answer === 'hang' ? /does not answer/ : new RegExp(`answers ${answer}`),
        );
      }
      await eventually(() => other.hook.posted.length).toBe(3);
      expect(hook.posted).toEqual([]);
      hook.answer = 200;
      const all = [500, 302, 'hang'].map((answer) => `alert.raised while ${answer}`);
      await eventually(() => titles(hook.posted)).toEqual(all);
      expect(titles(other.hook.posted)).toEqual(all);
      await eventually(async () => (await listReceivers(made.database.db))[0]).toMatchObject({
        ...{ problem: '', failingSince: null, waiting: 0, lost: 0 },
      });
    });
  });

  test('that stays unreachable loses the oldest events beyond the limit, and their number is reported', async () => {
    await using started = await startHook();
    const { hook, receiver } = started;
    hook.answer = 503;
    const bounded = { mostWaiting: 3 };
    const work = async () => {
      for (const title of ['a', 'b', 'c', 'd', 'e']) await raise(title);
      await eventually(async () => (await listReceivers(made.database.db))[0]).toMatchObject({
        ...{ waiting: 3, lost: 2 },
      });
      hook.answer = 200;
      await eventually(() => titles(hook.posted)).toEqual(
        ['c', 'd', 'e'].map((title) => `alert.raised ${title}`),
      );
    };
    await delivering([receiver], work, bounded);
  });

  test('is notified of what happened while no program ran', async () => {
    await using started = await startHook();
    const { hook, receiver } = started;
    await delivering([receiver], async () => undefined);
    await raise('in between');
    await delivering([receiver], async () => {
      await eventually(() => titles(hook.posted)).toEqual(['alert.raised in between']);
    });
  });

  test('gets only alerts of the configured severities', async () => {
    await using started = await startHook();
    const { hook, receiver } = started;
    const critical = { ...receiver, severities: new Set(['CRITICAL']) };
    await delivering([critical], async () => {
      await raise('little', 'INFO');
      await raise('much');
      await eventually(() => titles(hook.posted)).toEqual(['alert.raised much']);
    });
  });

  test('gets nothing from a program that is not the leader', async () => {
    await using started = await startHook();
    const { hook, receiver } = started;
    await readReceiver(made.database.db, receiver.name);
    let asked = 0;
    const leadership: DeliverOptions['leadership'] = {
      asLeader: async (task) => {
        asked += 1;
        if (asked % 2 === 0) throw new NotLeaderError();
        // An epoch older than the recorded one.
        return await task(-1);
      },
    };
    const work = async () => {
      for (const title of ['a', 'b', 'c']) {
        const before = asked;
        await raise(title);
        await eventually(() => asked).toBeGreaterThan(before);
      }
      expect(hook.asked).toBe(0);
    };
    await delivering([receiver], work, { leadership });
  });
});

test('a receiver that is unreachable for a minute raises an alert, until it is reached or removed from the configuration', async () => {
  const { db } = made.database;
  const minute = (count: number) => new Date(Date.UTC(2026, 0, 1, 0, count));
  const open = async () => (await listOpenAlerts(db)).map(({ sourceName }) => sourceName);
  for (const name of ['one', 'two']) {
    await readReceiver(db, name);
    await recordFailure(db, name, { why: 'refused', at: minute(0) });
    expect(await open()).not.toContain(name);
    await recordFailure(db, name, { why: 'refused', at: minute(1) });
    expect(await open()).toContain(name);
  }
  await recordDelivery(db, 'one', { through: 7, at: minute(2) });
  expect(await open()).toEqual(['two']);
  await forgetReceivers(db, ['one'], minute(3));
  expect(await open()).toEqual([]);
  expect((await listReceivers(db)).map(({ name }) => name)).toEqual(['one']);
});

test('only events that are meant for a receiver count as waiting for it', async () => {
  const { db } = made.database;
  const receiver = await readReceiver(db, 'one');
  for (const severity of ['CRITICAL', 'INFO', 'INFO', 'CRITICAL', 'INFO'] as const) {
    await raise(crypto.randomUUID(), severity);
  }
  await numberEvents(db, 100);
  const drop = (most: number) => dropOverdueNews(db, 'one', { most, severities: ['CRITICAL'] });
  expect(await drop(2)).toBe(0);
  expect(await readReceiver(db, 'one')).toEqual(receiver);
  expect(await drop(1)).toBe(1);
  await forgetReceivers(db, [], new Date());
});

test('an event that is not meant for a receiver is no delivery to it', async () => {
  const { db } = made.database;
  const at = new Date(Date.UTC(2026, 0, 1));
  await readReceiver(db, 'one');
  await recordFailure(db, 'one', { why: 'refused', at });
  await recordFailure(db, 'one', { why: 'refused', at: new Date(at.getTime() + 60_000) });
  await recordSkip(db, 'one', 7);
  expect(await readReceiver(db, 'one')).toMatchObject({
    ...{ deliveredThrough: 7, deliveredAt: null, problem: 'refused', failingSince: at },
  });
  expect((await listOpenAlerts(db)).map(({ sourceName }) => sourceName)).toContain('one');
  await forgetReceivers(db, [], at);
});

describe('a syslog server', () => {
  /** RFC 5424: priority 26 is daemon.crit. */
  const FORM =
    /^<26>1 \d{4}-\d\d-\d\dT[\d:.]+Z [\x21-\x7e]+ qx-controlplane \d+ alert\.raised - \uFEFFraised, CRITICAL: It burns \(CONTROL_PLANE test\): it is so \[alert [0-9a-f-]{36}, event \d+\]$/;
  const settings = (transport: 'udp' | 'tcp' | 'tls', port: number) => ({
    ...{ name: 'logs', host: '127.0.0.1', port, transport, severities },
    ...(transport === 'tls' ? { authority } : {}),
  });

  test('gets a datagram', async () => {
    const socket = createSocket('udp4');
    const got: string[] = [];
    socket.on('message', (message) => got.push(message.toString()));
    await new Promise<void>((resolve) => {
      socket.bind(0, '127.0.0.1', resolve);
    });
    try {
      const { port } = socket.address();
      await delivering([createSyslogReceiver(settings('udp', port))], async () => {
        await raise('It burns');
        await eventually(() => got).toEqual([expect.stringMatching(FORM)]);
      });
    } finally {
      socket.close();
    }
  });

  test.each(['tcp', 'tls'] as const)(
    'gets a message with its length by %s, and again after the connection broke',
    async (transport) => {
      const got: string[] = [];
      let refusals = 2;
      const take = async (socket: Socket) => {
        socket.on('error', () => undefined);
        got.push(await text(socket).catch(String));
      };
      const server = transport === 'tcp' ? createTcpServer(take) : createTlsServer(identity, take);
      server.on('tlsClientError', () => undefined);
      server.prependListener('connection', (socket: Socket) => {
        if (refusals === 0) return;
        refusals -= 1;
        if (transport === 'tcp') socket.resetAndDestroy();
        else socket.destroy();
      });
      const port = await listen(server);
      try {
        await delivering([createSyslogReceiver(settings(transport, port))], async () => {
          await raise('It burns');
          await eventually(() => got.at(-1)).toMatch(/^\d+ </);
          const [, length, message = ''] = /^(\d+) (.*)$/s.exec(got.at(-1) ?? '') ?? [];
          expect(message).toMatch(FORM);
          expect(Buffer.byteLength(message)).toBe(Number(length));
        });
      } finally {
        server.close();
      }
    },
  );

  test('to which no datagram can be sent is reported', async () => {
    // The kernel refuses to connect to a broadcast address without SO_BROADCAST.
    const receiver = createSyslogReceiver({ ...settings('udp', 514), host: '255.255.255.255' });
    await delivering([receiver], async () => {
      await raise('It burns');
      await eventually(async () => (await listReceivers(made.database.db))[0]?.problem).toMatch(
        /EACCES|ENETUNREACH/,
      );
    });
  });

  test('that sends without end and keeps the connection open is reported after a time limit', async () => {
    const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
      const talk = setInterval(() => socket.write('.'), 10);
      socket.on('error', () => undefined).on('close', () => clearInterval(talk));
    });
    const port = await listen(server);
    try {
      await delivering([createSyslogReceiver(settings('tcp', port), 300)], async () => {
        await raise('It burns');
        await eventually(async () => (await listReceivers(made.database.db))[0]?.problem).toMatch(
          /does not answer/,
        );
      });
    } finally {
      server.close();
    }
  });

  test('that is unreachable is reported', async () => {
    await delivering([createSyslogReceiver(settings('tcp', 1))], async () => {
      await raise('It burns');
      await eventually(async () => (await listReceivers(made.database.db))[0]?.problem).toMatch(
        /ECONNREFUSED/,
      );
    });
  });
});
