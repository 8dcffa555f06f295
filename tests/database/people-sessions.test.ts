import { once } from 'node:events';
import { Agent, get } from 'node:https';
import { connect } from 'node:tls';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createApiKey } from '../../apps/control-plane/database/repositories/api-keys.ts';
import { listAudit } from '../../apps/control-plane/database/repositories/audit-log.ts';
import { issueFirstPassword } from '../../apps/control-plane/people/accounts.ts';
import { LogIn, RATES } from '../../apps/control-plane/people/log-in.ts';
import { makeCertificate } from '../control-plane/certificates.ts';
import { PASSWORD, PeopleApi } from './people-api.ts';

let api: PeopleApi;
let now = new Date();

beforeAll(async () => {
  api = await PeopleApi.open({
    now: () => now,
    within: { tls: 2000, head: 500, request: 1000 },
  });
});
afterAll(() => api[Symbol.asyncDispose]());
beforeEach(async () => {
  now = new Date();
  await sql`DELETE FROM users`.execute(api.db);
});

const wrong = { username: 'ada', password: 'not her password' };
const right = { username: 'ada', password: PASSWORD };
const post = (body: unknown, headers: Record<string, string> = {}) =>
  api.ask('/v1/session', { method: 'POST', body, headers });

function minutesLater(minutes: number): void {
  now = new Date(now.getTime() + minutes * 60_000);
}

describe('a session', () => {
  test('is a cookie that scripts, other sites and plain HTTP never get, and the database has only its hash', async () => {
    await api.account('ada', 'viewer');
    const { status, headers } = await post(right);
    expect(status).toBe(204);
    expect(headers['set-cookie']).toEqual([
      expect.stringMatching(
        /^__Host-qx-session=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/,
      ),
    ]);
    const secret = /=([\w-]{43});/.exec(headers['set-cookie']?.[0] ?? '')?.[1] ?? '';
    const { rows } = await sql<{
      row: string;
    }>`SELECT session::text AS row FROM sessions AS session`.execute(api.db);
    expect(rows).toHaveLength(1);
    expect(rows[0]?.row).not.toContain(secret);
  });

  test('states the account and its permissions, and ends at its log-out', async () => {
    const userId = await api.account('ada', 'viewer');
    const cookie = await api.logIn('ada');
    const { body, headers } = await api.ask('/v1/session', { cookie });
    expect(body).toMatchObject({ userId, username: 'ada', mustChangePassword: false });
    expect(body).toHaveProperty('permissions', expect.arrayContaining(['vm:read', 'task:read']));
    expect(body).not.toHaveProperty('permissions', expect.arrayContaining(['vm:start']));
    expect(headers).toMatchObject({ 'cache-control': 'no-store' });
    const out = await api.ask('/v1/session', { method: 'DELETE', cookie });
    expect(out.status).toBe(204);
    expect(out.headers['set-cookie']?.[0]).toMatch(/Max-Age=0$/);
    expect((await api.ask('/v1/session', { cookie })).status).toBe(401);
  });

  test('ends an hour after its last use, and twelve hours after its start', async () => {
    await api.account('ada', 'viewer');
    const idle = await api.logIn('ada');
    const used = await api.logIn('ada');
    for (let minutes = 0; minutes < 690; minutes += 50) {
      minutesLater(50);
      expect((await api.ask('/v1/session', { cookie: used })).status).toBe(200);
    }
    expect((await api.ask('/v1/session', { cookie: idle })).status).toBe(401);
    minutesLater(30);
    expect((await api.ask('/v1/session', { cookie: used })).status).toBe(401);
  });

  test('ends, with all other sessions of its account, by a log-out everywhere', async () => {
    await api.account('ada', 'viewer');
    await api.account('bob', 'viewer');
    const one = await api.logIn('ada');
    minutesLater(1);
    const [two, bob] = [await api.logIn('ada'), await api.logIn('bob')];
    const { body } = await api.ask('/v1/sessions', { cookie: one });
    expect(body).toMatchObject({ sessions: [{ isPresent: false }, { isPresent: true }] });
    expect((await api.ask('/v1/sessions', { method: 'DELETE', cookie: one })).status).toBe(204);
    const after = await Promise.all(
      [one, two, bob].map((cookie) => api.ask('/v1/session', { cookie })),
    );
    expect(after.map(({ status }) => status)).toEqual([401, 401, 200]);
  });

  test('of another account cannot be ended', async () => {
    const ada = await api.session(await api.account('ada', 'viewer'));
    const bob = await api.session(await api.account('bob', 'viewer'));
    const { body } = await api.ask('/v1/sessions', { cookie: bob });
    const [{ id }] = (body as { sessions: [{ id: string }] }).sessions;
    const ended = await api.ask(`/v1/sessions/${id}`, { method: 'DELETE', cookie: ada });
    expect(ended.status).toBe(404);
    expect((await api.ask('/v1/session', { cookie: bob })).status).toBe(200);
  });

  test('ends when its account is disabled', async () => {
    const id = await api.account('ada', 'viewer');
    const cookie = await api.session(id);
    await sql`UPDATE users SET enabled = false WHERE id = ${id}`.execute(api.db);
    expect((await api.ask('/v1/session', { cookie })).status).toBe(401);
    expect((await post(right)).status).toBe(401);
  });

  test.each(['x', '', 'a'.repeat(43), 'a'.repeat(5000), "' OR 1=1 --", '%00'])(
    'is refused for an invented cookie: %j',
    async (value) => {
      const cookie = `__Host-qx-session=${value}`;
      expect((await api.ask('/v1/session', { cookie })).status).toBe(401);
    },
  );
});

describe('a log-in', () => {
  test('gives the same answer for a wrong password, an unknown name and a disabled account', async () => {
    await api.account('ada', 'viewer');
    const id = await api.account('off', 'viewer');
    await sql`UPDATE users SET enabled = false WHERE id = ${id}`.execute(api.db);
    const answers = [
      await post(wrong),
      await post({ ...wrong, username: 'nobody' }),
      await post({ ...right, username: 'off' }),
    ];
    expect(answers[0]?.status).toBe(401);
    expect(answers[0]?.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const entries = await listAudit(api.db, { after: 0, limit: 1000 });
    expect(
      entries.filter(({ status }) => status === 'failure').map(({ username }) => username),
    ).toEqual(expect.arrayContaining(['ada', 'nobody', 'off']));
  });

  test.each([
    ['was disabled', sql`UPDATE users SET enabled = false`],
    ['got another password', sql`UPDATE users SET password_hash = password_hash || 'A'`],
  ])(
    'begins no session for an account that %s during the check of its password',
    async (_what, change) => {
      await api.account('ada', 'viewer');
      const { begun } = await api.db.transaction().execute(async (transaction) => {
        await change.execute(transaction);
        // It reads the unchanged account, and then waits for the end of this transaction.
        const begun = post(right);
        const waiting = sql<{ count: number }>`
        SELECT count(*) AS count FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`;
        await expect
          .poll(async () => (await waiting.execute(api.db)).rows[0]?.count, { interval: 20 })
          .toBe(1);
        return { begun };
      });
      expect((await begun).status).toBe(401);
      const { rows } = await sql`SELECT FROM sessions`.execute(api.db);
      expect(rows).toEqual([]);
      expect((await listAudit(api.db, { limit: 1 }))[0]).toMatchObject({
        ...{ action: 'session.begin', status: 'failure', username: 'ada' },
      });
    },
  );

  test('computes a hash for an unknown name too, so that the answer takes equally long', async () => {
    await api.account('ada', 'viewer');
    const logIn = new LogIn(api.db, { now: () => now });
    const took = async (body: typeof wrong) => {
      const { user } = process.cpuUsage();
      const outcome = logIn.begin(body, { address: '192.0.2.1', userAgent: '' });
      await expect(outcome).rejects.toMatchObject({ status: 401 });
      return process.cpuUsage().user - user;
    };
    // The shortest of several, because other work of this process takes time too.
    const least = async (body: typeof wrong) =>
      Math.min(await took(body), await took(body), await took(body));
    const [known, unknown] = [await least(wrong), await least({ ...wrong, username: 'nobody' })];
    expect(unknown).toBeGreaterThan(known / 3);
  });

  test('is refused after ten wrong passwords for the stated time, even with the right password', async () => {
    await api.account('ada', 'viewer');
    let elapsed = 0;
    const logIn = new LogIn(api.db, { now: () => now, elapsed: () => elapsed });
    const origin = { address: '192.0.2.1', userAgent: '' };
    for (let round = 0; round < 10; round += 1) {
      await expect(logIn.begin(wrong, origin)).rejects.toMatchObject({ status: 401 });
    }
    await expect(logIn.begin(right, origin)).rejects.toMatchObject({
      ...{ status: 429, headers: { 'retry-after': '15' } },
    });
    elapsed += 15_000;
    expect((await logIn.begin(right, origin)).session.address).toBe('192.0.2.1');
  });

  test('counts simultaneous wrong passwords like successive ones', async () => {
    await api.account('ada', 'viewer');
    const logIn = new LogIn(api.db, { now: () => now });
    const origin = { address: '192.0.2.1', userAgent: '' };
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, () => logIn.begin(wrong, origin)),
    );
    const statuses = outcomes.map((one) => one.status === 'rejected' && one.reason.status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(30);
  });

  test('of a known client is not refused because others guess passwords', async () => {
    await api.account('ada', 'viewer');
    const rates = { ...RATES, strangers: { burst: 5, every: 15_000 } };
    const logIn = new LogIn(api.db, { now: () => now, elapsed: () => 0, rates });
    const home = { address: '192.0.2.1', userAgent: '' };
    await logIn.begin(right, home);
    let refused = 0;
    for (let host = 1; host <= 8; host += 1) {
      const stranger = { address: `198.51.100.${host}`, userAgent: '' };
      const outcome = await logIn.begin(wrong, stranger).catch((error) => error);
      if (outcome.status === 429) refused += 1;
    }
    // Five log-ins from unknown addresses are allowed; the one from home was the first.
    expect(refused).toBe(4);
    const away = { address: '203.0.113.9', userAgent: '' };
    await expect(logIn.begin(right, away)).rejects.toMatchObject({ status: 429 });
    await expect(logIn.begin(right, home)).resolves.toMatchObject({ user: { username: 'ada' } });
  });
});

describe('an issued password', () => {
  test('has to be changed before any other request, which ends its sessions', async () => {
    const { password } = await issueFirstPassword(api.db, { by: { username: 'console' }, now });
    expect(password).toMatch(/^([a-z2-9]{5}-){3}[a-z2-9]{5}$/);
    const cookie = await api.logIn('admin', password);
    expect((await api.ask('/v1/session', { cookie })).body).toMatchObject({
      mustChangePassword: true,
    });
    expect((await api.ask('/v1/sessions', { cookie })).status).toBe(403);
    const change = (body: object) =>
      api.ask('/v1/session/password', {
        ...{ method: 'POST', cookie, body, headers: { 'idempotency-key': 'again' } },
      });
    expect((await change({ current: 'another', next: PASSWORD })).status).toBe(403);
    expect((await listAudit(api.db, { limit: 1 }))[0]).toMatchObject({
      ...{ action: 'user.change-password', status: 'failure', username: 'admin' },
    });
    expect((await change({ current: password, next: password })).status).toBe(400);
    expect((await change({ current: password, next: 'short' })).status).toBe(400);
    expect((await change({ current: password, next: 'aaaaaaaaaaaa' })).status).toBe(400);
    const changed = await change({ current: password, next: PASSWORD });
    expect(changed.status).toBe(204);
    // Not even a hash of the passwords is kept for a repetition.
    expect(await api.db.selectFrom('idempotentRequests').selectAll().execute()).toEqual([]);
    expect((await api.ask('/v1/session', { cookie })).status).toBe(401);
    const fresh = (changed.headers['set-cookie']?.[0] ?? '').split(';', 1)[0];
    expect((await api.ask('/v1/sessions', { cookie: fresh })).status).toBe(200);
    expect((await post({ username: 'admin', password })).status).toBe(401);
  });

  test('is a new one each time until somebody has logged in, and is refused afterwards', async () => {
    const by = { username: 'console' };
    const first = await issueFirstPassword(api.db, { by, now });
    const second = await issueFirstPassword(api.db, { by, now });
    expect(second.password).not.toBe(first.password);
    expect((await post({ username: 'admin', password: first.password })).status).toBe(401);
    await api.logIn('admin', second.password);
    await expect(issueFirstPassword(api.db, { by, now })).rejects.toMatchObject({ status: 409 });
  });
});

describe('a request from another site', () => {
  test.each([
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ])('is refused: %o', async (headers) => {
    const cookie = await api.session(await api.account('ada', 'admin'));
    expect((await post(right, headers)).status).toBe(403);
    const out = await api.ask('/v1/sessions', { method: 'DELETE', cookie, headers });
    expect(out.status).toBe(403);
    expect((await api.ask('/v1/session', { cookie, headers })).status).toBe(403);
    expect((await api.ask('/v1/session', { cookie })).status).toBe(200);
  });

  test('is refused as a form, and other sites cannot read an answer', async () => {
    await api.account('ada', 'admin');
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data']) {
      const answer = await post(right, { 'content-type': type });
      expect(answer.status).toBe(415);
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
    const asked = await api.ask('/v1/session', { method: 'OPTIONS' });
    expect(asked.status).toBe(404);
    expect(Object.keys(asked.headers).filter((name) => name.startsWith('access-control'))).toEqual(
      [],
    );
  });

  test('differs from one of the own origin, which is accepted', async () => {
    await api.account('ada', 'admin');
    const own = { origin: `https://127.0.0.1:${api.port}`, 'sec-fetch-site': 'same-origin' };
    expect((await post(right, own)).status).toBe(204);
  });
});

describe('the server', () => {
  test('has the fingerprint of the certificate that it presents', async () => {
    const socket = connect({ port: api.port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    expect(api.fingerprint.toUpperCase()).toBe(fingerprint256.replaceAll(':', ''));
  });

  test('does not ask clients for a certificate, and ignores one', async () => {
    const foreign = await makeCertificate({ name: 'admin' });
    const agent = new Agent({ cert: foreign.pem, key: foreign.key });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const options = { host: '127.0.0.1', port: api.port, agent, rejectUnauthorized: false };
    get({ ...options, path: '/v1/users' }, ({ statusCode = 0 }) => resolve(statusCode)).on(
      'error',
      reject,
    );
    expect(await promise).toBe(401);
    agent.destroy();
  });

  test('refuses a body of 100 MB, and keeps running', async () => {
    const huge = Buffer.alloc(100 * 1024 * 1024, 0x20);
    // A client that is still sending may not receive the answer.
    const status = await api.ask('/v1/session', { method: 'POST', raw: huge }).then(
      (answer) => answer.status,
      () => 'cut off',
    );
    expect([400, 408, 413, 'cut off']).toContain(status);
    expect((await api.ask('/healthz')).body).toEqual({ status: 'ok' });
  });

  test.each([
    ['sends nothing', ''],
    ['sends half of a head', 'GET /healthz HTTP/1.1\r\nhost: q\r\n'],
    [
      'sends half of a body',
      'POST /v1/session HTTP/1.1\r\nhost: q\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{',
    ],
  ])(
    'disconnects a client that %s, and keeps running',
    async (_what, sent) => {
      const socket = connect({ host: '127.0.0.1', port: api.port, rejectUnauthorized: false });
      const ended = new Promise((resolve) => socket.once('close', resolve));
      socket.on('error', () => undefined);
      socket.resume();
      socket.write(sent);
      await ended;
      expect((await api.ask('/healthz')).status).toBe(200);
    },
    20_000,
  );

  test.each([
    ['NOT HTTP\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['GET /healthz HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'POST /v1/session HTTP/1.1\r\nhost: q\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
      /^HTTP\/1\.1 400 /,
    ],
  ])('answers a request that is not HTTP with a problem: %j', async (sent, expected) => {
    const socket = connect({ host: '127.0.0.1', port: api.port, rejectUnauthorized: false });
    socket.on('error', () => undefined);
    socket.write(sent);
    let text = '';
    for await (const piece of socket.setEncoding('utf8')) text += piece;
    expect(text).toMatch(expected);
  });

  test.each([
    '/',
    '/v1',
    '/v1/session/',
    '/v1//session',
    '/v1/./session',
    '/v1/session/../session',
    '/v1/%73ession/x',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/../../quantix/vdc/ca.pem',
    '/v1/session%00',
    '/v1/sessions/%ff',
    '/v1/sessions/%',
    `/v1/sessions/${'a'.repeat(5000)}`,
    '/V1/session',
    '//healthz',
  ])('answers 404 for %s', async (path) => {
    const { status, headers } = await api.ask(path);
    expect([400, 404, 414]).toContain(status);
    expect(headers['content-type']).toMatch(/^application\/problem\+json/);
  });

  test.each([
    ['{"username":"ada"', 400],
    ['', 400],
    ['null', 400],
    ['[]', 400],
    ['{"username":"ada","password":"x","__proto__":{"admin":true}}', 400],
    ['{"username":"ada","password":"x","more":1}', 400],
    ['{"username":"a\\u0000da","password":"x"}', 400],
    ['{"username":"\\ud800","password":"x"}', 400],
    ['{"username":"ada\' OR \'1\'=\'1","password":"x"}', 401],
    ['{"username":"bob","username":"ada","password":"x"}', 401],
    [`${'['.repeat(30_000)}${']'.repeat(30_000)}`, 400],
  ])('answers a body by its content: %.60s', async (raw, status) => {
    const answer = await api.ask('/v1/session', { method: 'POST', raw });
    expect(answer.status).toBe(status);
  });

  test('shows anonymous callers only that it is ready', async () => {
    expect((await api.ask('/readyz')).body).toEqual({ ready: true });
    expect((await api.ask('/metrics')).status).toBe(401);
    const cookie = await api.session(await api.account('ada', 'viewer'));
    const { text, headers } = await api.ask('/metrics', { cookie });
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toContain('quantix_controlplane_info{version="1.0.0"} 1');
  });

  test('accepts an API key if its permissions suffice, but not for sessions', async () => {
    const id = await api.account('ada', 'viewer');
    const { secret } = await createApiKey(api.db, {
      ...{ name: 'k', createdBy: id, permissions: ['metrics:read'], expiresAt: null },
    });
    expect((await api.ask('/metrics', { key: secret })).status).toBe(200);
    expect((await api.ask('/v1/session', { key: secret })).status).toBe(403);
    expect((await api.ask('/metrics', { key: `${secret.slice(0, -1)}_` })).status).toBe(401);
    expect((await api.ask('/metrics', { headers: { authorization: 'Basic YTpi' } })).status).toBe(
      401,
    );
  });
});
