import { sql, type Transaction } from 'kysely';
import { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  acknowledgeAlert,
  clearAlert,
  raiseAlert,
  resolveAlert,
} from '../../apps/control-plane/database/repositories/alerts.ts';
import { enterAudit, holdAudit } from '../../apps/control-plane/database/repositories/audit-log.ts';
import {
  pauseRollout,
  startRollout,
} from '../../apps/control-plane/database/repositories/rollouts.ts';
import { createUser, type User } from '../../apps/control-plane/database/repositories/users.ts';
import type { DB } from '../../apps/control-plane/database/schema.ts';
import { changeAccount, removeAccount } from '../../apps/control-plane/people/accounts.ts';
import { countWaiting, type OpenTestDatabase } from './database.ts';
import { type Answer, PeopleApi } from './people-api.ts';

let api: PeopleApi;
let opened: OpenTestDatabase;
beforeAll(async () => {
  api = await PeopleApi.open();
  opened = api.opened;
  // No lock timeout: a slow machine must not look like a deadlock.
  const { pool } = opened.database;
  if (!(pool instanceof Pool)) throw new Error('these are not connections of pg');
  pool.on('acquire', (client) => void client.query('SET lock_timeout = 0'));
});
afterAll(() => api[Symbol.asyncDispose]());

/** Waits until this number of transactions of the database wait for locks. */
async function untilWaiting(count: number): Promise<void> {
  await expect.poll(() => countWaiting(opened.database.db)).toBe(count);
}

const ALERT = {
  ...({ severity: 'WARNING', sourceType: 'CONTROL_PLANE' } as const),
  ...{ title: 'A roll-out has stopped', sourceName: 'one' },
};

test.each([
  ['acknowledges', acknowledgeAlert],
  ['clears', clearAlert],
])(
  'a request that %s an alert waits for an earlier transaction that writes the audit log and raises the alert again',
  async (_, act) => {
    const { db } = opened.database;
    const { id } = await raiseAlert(db, { ...ALERT, message: 'the first host failed' });
    const acting: Promise<PromiseSettledResult<unknown>[]>[] = [];
    await db.transaction().execute(async (transaction) => {
      await enterAudit(transaction, {
        action: 'task.updateHost',
        username: 'a test',
        resourceType: 'node',
      });
      acting.push(Promise.allSettled([act(db, id, { by: 'ada', at: new Date() })]));
      await untilWaiting(1);
      await raiseAlert(transaction, { ...ALERT, message: 'the second one, too' });
    });
    const outcomes = (await Promise.all(acting)).flat();
    const value = { id, message: 'the second one, too' };
    expect(outcomes).toMatchObject([{ status: 'fulfilled', value }]);
  },
);

test('a roll-out that takes the place of a failed one waits for an operator who acknowledges its alert', async () => {
  const { db } = opened.database;
  const release = {
    ...{ product: 'quantix-os', channel: 'stable', architecture: 'x86_64', base: 'alpine' },
    ...{ version: '0.2.0', serial: 1 },
  };
  const asked = { release, percentage: 100, atOnce: 1, by: 'ada', now: new Date() };
  const id = (await startRollout(db, asked)) ?? '';
  await pauseRollout(db, id, { by: 'ada' });
  const told = { ...ALERT, title: 'A roll-out of an update is paused', sourceName: id };
  const { id: alert } = await raiseAlert(db, { ...told, message: 'the first host failed' });
  const starting: Promise<PromiseSettledResult<unknown>[]>[] = [];
  await db.transaction().execute(async (transaction) => {
    await holdAudit(transaction);
    starting.push(Promise.allSettled([startRollout(db, asked)]));
    await untilWaiting(1);
    expect(await resolveAlert(transaction, alert, new Date())).toBe(true);
  });
  const outcomes = (await Promise.all(starting)).flat();
  expect(outcomes).toMatchObject([{ status: 'fulfilled', value: expect.any(String) }]);
});

type Act = (transaction: Transaction<DB>, user: User) => Promise<unknown>;

const signed = { by: { username: 'a test' }, now: new Date() };

test.each<[string, Act]>([
  ['disable', (transaction, user) => changeAccount(transaction, user, { enabled: false }, signed)],
  ['remove', (transaction, user) => removeAccount(transaction, user, signed.by)],
])('two simultaneous transactions that %s one admin each do not deadlock', async (_, act) => {
  const { db } = opened.database;
  await sql`DELETE FROM users`.execute(db);
  const make = (username: string) => createUser(db, { username, role: 'admin' });
  const all = await Promise.all(['ada', 'bob', 'eve'].map(make));
  const [first, second, third] = all.sort((a, b) => (a.id < b.id ? -1 : 1));
  if (first === undefined || second === undefined || third === undefined)
    throw new Error('no users');
  const acting: Promise<PromiseSettledResult<unknown>[]>[] = [];
  await db.transaction().execute(async (transaction) => {
    // Both transactions run until they are blocked, before either continues.
    await sql`SELECT FROM users WHERE id = ${first.id} FOR UPDATE`.execute(transaction);
    for (const user of [second, third]) {
      acting.push(Promise.allSettled([db.transaction().execute((own) => act(own, user))]));
    }
    await untilWaiting(2);
  });
  const outcomes = (await Promise.all(acting)).flat();
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
});

test.each([
  ['disable', { method: 'PATCH', body: { enabled: false } }, 200],
  ['remove', { method: 'DELETE' }, 204],
] as const)('two requests that %s an admin each do not deadlock', async (_, asked, status) => {
  const { db } = opened.database;
  await sql`DELETE FROM users`.execute(db);
  const make = (username: string) => api.account(username, 'admin');
  const all = await Promise.all(['ada', 'bob', 'eve'].map(make));
  const [first = '', ...others] = all.sort();
  const cookie = await api.session(first);
  const asking: Promise<Answer>[] = [];
  await db.transaction().execute(async (transaction) => {
    await sql`SELECT FROM users WHERE id = ${first} FOR UPDATE`.execute(transaction);
    for (const id of others) asking.push(api.ask(`/v1/users/${id}`, { ...asked, cookie }));
    await untilWaiting(2);
  });
  const answers = await Promise.all(asking);
  expect(answers.map((answer) => answer.status)).toEqual([status, status]);
});
