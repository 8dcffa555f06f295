import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FleetEvent } from '../../apps/api/events.ts';
import { raiseAlert } from '../../apps/control-plane/database/repositories/alerts.ts';
import { createApiKey } from '../../apps/control-plane/database/repositories/api-keys.ts';
import { listAudit } from '../../apps/control-plane/database/repositories/audit-log.ts';
import {
  listEvents,
  numberEvents,
  readEventBounds,
} from '../../apps/control-plane/database/repositories/events.ts';
import { LogIn, RATES } from '../../apps/control-plane/people/log-in.ts';
import { type Ask, PASSWORD, PeopleApi } from './people-api.ts';

const PERMISSIONS = ['vm:read'];
const NOBODY = '00000000-0000-0000-0000-000000000000';

let api: PeopleApi;
let adminId: string;
let admin: string;
beforeAll(async () => {
  api = await PeopleApi.open();
  adminId = await api.account('root', 'admin');
  admin = await api.session(adminId);
});
afterAll(() => api[Symbol.asyncDispose]());

/** Number of the last event. */
async function lastEvent(): Promise<number> {
  await numberEvents(api.db, 1000);
  return (await readEventBounds(api.db)).last;
}

/** Returns the events of accounts during the work. */
async function during(work: () => Promise<unknown>): Promise<FleetEvent[]> {
  const after = await lastEvent();
  await work();
  await lastEvent();
  return await listEvents(api.db, { after, limit: 1000, filter: { kinds: ['user'] } });
}

const told = (events: readonly FleetEvent[]) =>
  events.map(({ kind, subject: { name }, data }) => [kind, name, data]);

async function asAdmin(path: string, asked: Ask = {}) {
  const answer = await api.ask(path, { cookie: admin, ...asked });
  expect(answer.status, answer.text).toBeLessThan(300);
  return answer;
}

async function idOf(answer: Promise<{ body: unknown }>): Promise<string> {
  const { body } = await answer;
  return (body as { id: string }).id;
}

test('log-ins, log-outs and a changed password write events', async () => {
  const id = await api.account('ada', 'viewer');
  let cookie = '';
  const logIn = await during(async () => {
    cookie = await api.logIn('ada');
  });
  expect(logIn).toMatchObject([
    {
      ...{ kind: 'user.logged-in', data: { address: '127.0.0.1' } },
      subject: { type: 'USER', id, name: 'ada' },
    },
  ]);
  const next = `${PASSWORD}, and another`;
  const body = { current: PASSWORD, next };
  expect(
    told(await during(() => api.ask('/v1/session/password', { method: 'POST', body, cookie }))),
  ).toEqual([['user.changed', 'ada', { changed: ['password'], by: 'ada' }]]);
  const logOut = (path: string) =>
    during(async () => {
      await api.session(id);
      await api.ask(path, { method: 'DELETE', cookie: await api.session(id) });
    });
  const out = (sessions: number) => [
    ['user.logged-out', 'ada', { address: '127.0.0.1', sessions }],
  ];
  expect(told(await logOut('/v1/session'))).toEqual(out(1));
  // Four sessions end: the one after the change of the password, the one that the log-out above has left, and the two
  // that `logOut` begins.
  expect(told(await logOut('/v1/sessions'))).toEqual(out(4));
});

test('many refused log-ins of an account write few events, but each one is in the audit log', async () => {
  const rates = Object.fromEntries(
    Object.keys(RATES).map((name) => [name, { burst: 1_000_000, every: 1 }]),
  ) as typeof RATES;
  let elapsed = 0;
  const logIn = new LogIn(api.db, { now: () => new Date(), elapsed: () => elapsed, rates });
  const origin = { address: '192.0.2.1', userAgent: '' };
  const refuse = async (username: string) => {
    const refused = logIn.begin({ username, password: 'guessed' }, origin);
    await expect(refused).rejects.toMatchObject({ status: 401 });
  };
  await api.account('bob', 'viewer');
  const events = await during(async () => {
    for (let round = 0; round < 6; round += 1) await refuse(`nobody${round}`);
    await refuse('bob');
    elapsed = 10 * 60_000;
    await refuse('nobody');
    await refuse('nobody');
  });
  const { address } = origin;
  expect(told(events)).toEqual([
    ['user.refused', '', { address, untold: 0 }],
    ['user.refused', '', { address, untold: 0 }],
    ['user.refused', '', { address, untold: 0 }],
    ['user.refused', 'bob', { address, untold: 0 }],
    ['user.refused', '', { address, untold: 3 }],
  ]);
  expect(events[0]?.subject.id).toBe(NOBODY);
  const entries = await listAudit(api.db, { limit: 1000, filter: { result: 'failure' } });
  expect(entries.map(({ username }) => username)).toEqual([
    ...['nobody0', 'nobody1', 'nobody2', 'nobody3', 'nobody4', 'nobody5'],
    ...['bob', 'nobody', 'nobody'],
  ]);
});

test('changes of accounts, roles and keys write events without secrets; a request that changes nothing writes none', async () => {
  const by = 'root';
  const role = { name: 'watcher', permissions: PERMISSIONS };
  const key = { name: 'ci', permissions: PERMISSIONS };
  const post = (path: string, body?: object) => asAdmin(path, { method: 'POST', body });
  const patch = (path: string, body: object) => asAdmin(path, { method: 'PATCH', body });
  const remove = (path: string) => asAdmin(path, { method: 'DELETE' });
  const events = await during(async () => {
    const user = `/v1/users/${await idOf(post('/v1/users', { username: 'eve', role: 'viewer' }))}`;
    await patch(user, { role: 'operator', email: 'eve@example.org' });
    await patch(user, { role: 'operator' });
    await post(`${user}/reset-password`);
    const roleId = await idOf(post('/v1/roles', role));
    await post(`${user}/roles/${roleId}`);
    await remove(`${user}/roles/${roleId}`);
    await patch(`/v1/roles/${roleId}`, { description: 'looks' });
    await remove(`/v1/roles/${roleId}`);
    await patch(user, { enabled: false });
    await remove(user);
    await remove(`/v1/api-keys/${await idOf(post('/v1/api-keys', key))}`);
  });
  const operator = { role: 'operator', by };
  const ofRole = { role: 'watcher', permissions: PERMISSIONS };
  const ofKey = { key: 'ci', permissions: PERMISSIONS };
  expect(told(events)).toEqual([
    ['user.created', 'eve', { role: 'viewer', by }],
    ['user.changed', 'eve', { changed: ['email', 'role'], enabled: true, ...operator }],
    ['user.changed', 'eve', { changed: ['password'], by }],
    ['user.role-created', 'root', ofRole],
    ['user.changed', 'eve', { changed: ['roles'], by }],
    ['user.changed', 'eve', { changed: ['roles'], by }],
    ['user.role-changed', 'root', ofRole],
    ['user.role-removed', 'root', ofRole],
    ['user.changed', 'eve', { changed: ['enabled'], enabled: false, ...operator }],
    ['user.removed', 'eve', { by }],
    ['user.key-created', 'root', ofKey],
    ['user.key-revoked', 'root', ofKey],
  ]);
});

test('a refused change writes no event', async () => {
  const events = await during(async () => {
    const path = `/v1/users/${adminId}`;
    const body = { enabled: false };
    expect((await api.ask(path, { method: 'PATCH', body, cookie: admin })).status).toBe(409);
  });
  expect(events).toEqual([]);
});

test('events of accounts go only to callers who may read accounts', async () => {
  const headers = { 'last-event-id': String(await lastEvent()) };
  await api.logIn('root');
  await lastEvent();
  await raiseAlert(api.db, { severity: 'INFO', title: 'an alert', sourceType: 'CONTROL_PLANE' });
  const heard = async (...permissions: string[]) => {
    const made = { name: permissions.join(), createdBy: adminId, permissions, expiresAt: null };
    const { secret } = await createApiKey(api.db, made);
    const { text } = await api.ask('/v1/events', { key: secret, headers, events: 1 });
    return [...text.matchAll(/^event: (.+)$/gm)].map(([, kind]) => kind)[0];
  };
  expect(await heard('event:read')).toBe('alert.raised');
  expect(await heard('event:read', 'user:read')).toBe('user.logged-in');
});
