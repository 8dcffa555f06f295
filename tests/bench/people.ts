import { Agent, request } from 'node:https';
import { join } from 'node:path';
import type { Database } from '../../apps/control-plane/database/database.ts';
import { createUser } from '../../apps/control-plane/database/repositories/users.ts';
import type { EventFeed } from '../../apps/control-plane/events/feed.ts';
import { PeopleCertificate } from '../../apps/control-plane/people/certificate.ts';
import { hashPassword } from '../../apps/control-plane/people/password.ts';
import { servePeople } from '../../apps/control-plane/people/serve.ts';
import { openAuthority } from '../../apps/control-plane/trust/authority.ts';
import { SILENT } from '../database/database.ts';
import { type Figure, median, secondsOf } from './measure.ts';

const PASSWORD = 'correct horse battery';

/** Number of measured log-ins: fewer than are allowed at once. */
const LOG_INS = 8;

/** Number of requests for each list. */
const REQUESTS = 100;

/** Requests about the virtual machines of a fleet; each answer is one page. */
const LISTS = [
  ...['', '?limit=500', '?sort=createdAt', '?sort=createdAt&order=desc', '?order=desc'],
  ...['?powerState=RUNNING&limit=100', '?powerState=SHUT_OFF', '?name=vm-4'],
  ...['?name=vm-4&order=desc', '?name=nothing'],
];

/** The measured server. */
export interface MeasuredPeople {
  readonly database: Database;
  readonly feed: EventFeed;
  /** For the certificate authority. */
  readonly folder: string;
  /** Number of virtual machines in the database, for the notes. */
  readonly machines: number;
}

/** Measures the API for people, over TLS with a connection that stays open. */
export async function measurePeople({
  database,
  feed,
  folder,
  machines,
}: MeasuredPeople): Promise<Figure[]> {
  const authority = await openAuthority(join(folder, 'people-ca.pem'));
  const ending = new AbortController();
  const { signal } = ending;
  const certificate = new PeopleCertificate({ database, authority, log: SILENT, signal });
  const api = await servePeople({
    ...{ database, authority, certificate, events: feed, log: SILENT, signal: ending.signal },
    people: { listen: '127.0.0.1', port: 0 },
    health: () => Promise.reject(new Error('no request for the health is expected')),
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (path: string, { body, cookie }: { body?: object; cookie?: string } = {}) =>
    new Promise<{ status: number; cookie: string; text: string }>((resolve, reject) => {
      const asked = request(
        {
          ...{ host: '127.0.0.1', port: api.port, path, agent, ca: authority.bundle },
          method: body === undefined ? 'GET' : 'POST',
          checkServerIdentity: () => undefined,
          headers: {
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...(cookie === undefined ? {} : { cookie }),
          },
        },
        async (response) => {
          let text = '';
          response.setEncoding('utf8');
          for await (const piece of response) text += String(piece);
          const [set = ''] = response.headers['set-cookie'] ?? [];
          const { statusCode: status = 0 } = response;
          resolve({ status, cookie: set.split(';', 1)[0] ?? '', text });
        },
      );
      asked.on('error', reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  /** Sends a request. @throws Error with the answer if its status is not that of a success */
  const expectAnswer = async (...asked: Parameters<typeof ask>) => {
    const answer = await ask(...asked);
    if (answer.status >= 300) throw new Error(`${asked[0]}: ${answer.status}: ${answer.text}`);
    return answer;
  };
  try {
    const passwordHash = await hashPassword(PASSWORD);
    await createUser(database.db, { username: 'ada', role: 'admin', passwordHash });
    const logIns: number[] = [];
    let cookie = '';
    for (let count = 0; count < LOG_INS; count += 1) {
      const body = { username: 'ada', password: PASSWORD };
      const seconds = await secondsOf(async () => {
        cookie = (await expectAnswer('/v1/session', { body })).cookie;
      });
      logIns.push(seconds * 1000);
    }
    const lists: number[] = [];
    for (let count = 0; count < REQUESTS; count += 1) {
      for (const list of LISTS) {
        lists.push(1000 * (await secondsOf(() => expectAnswer(`/v1/vms${list}`, { cookie }))));
      }
    }
    const slowest = lists.sort((a, b) => a - b)[Math.floor(0.99 * lists.length)] ?? 0;
    return [
      { what: 'log-in of a person', value: median(logIns), limit: 400, unit: 'ms' },
      {
        what: `a page of ${machines.toLocaleString('en')} virtual machines`,
        ...{ value: slowest, limit: 50, unit: 'ms' },
        note: `99th percentile, ${LISTS.length} filters and orders`,
      },
    ];
  } finally {
    agent.destroy();
    ending.abort();
    await api.ended;
  }
}
