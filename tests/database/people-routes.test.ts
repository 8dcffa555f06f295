import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { raiseAlert } from '../../apps/control-plane/database/repositories/alerts.ts';
import { createApiKey } from '../../apps/control-plane/database/repositories/api-keys.ts';
import { listAudit } from '../../apps/control-plane/database/repositories/audit-log.ts';
import {
  readEventBounds,
  skipEventNumbers,
  writeEvent,
} from '../../apps/control-plane/database/repositories/events.ts';
import {
  registerNode,
  setNodePhase,
} from '../../apps/control-plane/database/repositories/nodes.ts';
import { listPermissions } from '../../apps/control-plane/database/repositories/roles.ts';
import { PERMISSIONS } from '../../apps/control-plane/people/permissions.ts';
import { type Ask, PeopleApi } from './people-api.ts';

const NODE = '11111111-1111-8111-8111-111111111111';
const PROJECT = '00000000-0000-0000-0000-000000000001';
const NOTHING = '99999999-9999-4999-8999-999999999999';
const CUSTOM = '77777777-7777-4777-8777-777777777777';

/** The part of the OpenAPI document that these tests use. */
const documentSchema = z.object({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        'x-access': z.string(),
        parameters: z.array(
          z.object({
            name: z.string(),
            in: z.enum(['path', 'query', 'header']),
            schema: z.unknown(),
          }),
        ),
        requestBody: z
          .object({
            content: z.object({ 'application/json': z.object({ schema: z.unknown() }) }),
          })
          .optional(),
      }),
    ),
  ),
});

const document = documentSchema.parse(
  JSON.parse(await readFile(resolve(import.meta.dirname, '../../docs/openapi.json'), 'utf8')),
);
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    ...{ path, method: method.toUpperCase(), access: operation['x-access'] },
    parameters: operation.parameters,
    body: operation.requestBody?.content['application/json'].schema,
  })),
);

let api: PeopleApi;
const ids = { admin: '', operator: '', viewer: '', fresh: '' };

beforeAll(async () => {
  api = await PeopleApi.open();
});
afterAll(() => api[Symbol.asyncDispose]());

/** Accounts of each role, and one node. */
async function reset(): Promise<void> {
  await sql`TRUNCATE nodes, virtual_machines, storage_pools, join_tokens, departed_nodes, tasks, idempotent_requests CASCADE`.execute(
    api.db,
  );
  await sql`DELETE FROM users`.execute(api.db);
  await sql`DELETE FROM roles WHERE type = 'custom'`.execute(api.db);
  for (const role of ['admin', 'operator', 'viewer'] as const) {
    ids[role] = await api.account(role, role);
  }
  ids.fresh = await api.account('fresh', 'admin');
  await sql`UPDATE users SET must_change_password = true WHERE username = 'fresh'`.execute(api.db);
  await registerNode(api.db, { id: NODE, hostname: 'alpha', managementIp: '10.0.0.1', spec: {} });
  await setNodePhase(api.db, NODE, 'READY');
}

async function addVms(count: number): Promise<void> {
  await sql`
    INSERT INTO virtual_machines (name, project_id, node_id, power_state, last_seen)
    SELECT 'vm-' || lpad(one::text, 5, '0'), ${PROJECT}, ${NODE}, CASE one % 10 WHEN 0 THEN 'SHUT_OFF' ELSE 'RUNNING' END, now()
    FROM generate_series(1, ${count}::int) AS one`.execute(api.db);
}

async function keyWith(userId: string, permissions: readonly string[]): Promise<string> {
  const { secret } = await createApiKey(api.db, {
    ...{ name: crypto.randomUUID(), createdBy: userId, permissions, expiresAt: null },
  });
  return secret;
}

const asAdmin = async (path: string, asked: Ask = {}) =>
  await api.ask(path, { ...asked, cookie: await api.session(ids.admin) });

function itemsOf(body: unknown): Record<string, unknown>[] {
  return z.object({ items: z.array(z.record(z.string(), z.unknown())) }).parse(body).items;
}

describe('permissions', () => {
  beforeAll(reset);

  /** Returns the path and the request of a route: its parameters name no existing object, and its body is invalid. */
  const asked = ({ path, method }: { path: string; method: string }) => ({
    path: path.replaceAll(/\{\w+\}/g, NOTHING),
    ask: { method, ...(method === 'GET' || method === 'DELETE' ? {} : { body: { no: 1 } }) },
  });
  const isAdmitted = (status: number) => status !== 401 && status !== 403;

  test('the document lists the routes, and their permissions are those of the role admin', async () => {
    expect(operations.length).toBeGreaterThan(30);
    expect(await listPermissions(api.db, ids.admin)).toEqual([...PERMISSIONS].sort());
  });

  test.each(operations)('$method $path is allowed with $access only', async (operation) => {
    const { access } = operation;
    const { path, ask } = asked(operation);
    const statusOf = async (who: { cookie?: string; key?: string }) =>
      (await api.ask(path, { ...ask, ...who })).status;
    const isOfSession = access.startsWith('session');
    const isPermission = access.includes(':');
    // Each request has its own session, because some requests end it.
    const sessions = {
      ...{ viewer: ids.viewer, operator: ids.operator, admin: ids.admin, fresh: ids.fresh },
    };
    if (access === 'anybody') {
      expect([200, 400]).toContain(await statusOf({}));
      return;
    }
    expect(await statusOf({})).toBe(401);
    expect(await statusOf({ cookie: `__Host-qx-session=${'a'.repeat(43)}` })).toBe(401);
    expect(await statusOf({ key: `qxk_${'a'.repeat(43)}` })).toBe(401);
    for (const [name, id] of Object.entries(sessions)) {
      const status = await statusOf({ cookie: await api.session(id) });
      const may =
        name === 'fresh'
          ? access === 'session-before-change'
          : !isPermission || (await listPermissions(api.db, id)).includes(access);
      expect({ name, admitted: isAdmitted(status) }).toEqual({ name, admitted: may });
    }
    const all = await keyWith(ids.admin, PERMISSIONS);
    expect(isAdmitted(await statusOf({ key: all }))).toBe(!isOfSession);
    if (!isPermission) return;
    const only = await keyWith(ids.admin, [access]);
    expect(isAdmitted(await statusOf({ key: only }))).toBe(true);
    const others = PERMISSIONS.filter((one) => one !== access);
    expect(await statusOf({ key: await keyWith(ids.admin, others) })).toBe(403);
  });
});

describe('every request', () => {
  beforeAll(async () => {
    await reset();
    await addVms(3);
  });

  const nasty = fc.constantFrom(
    ...[
      "'; DROP TABLE users; --",
      "' OR '1'='1",
      '\0',
      '\ud800',
      '\u202e',
      '%00',
      '../../etc/passwd',
    ],
    ...['{{7*7}}', '$(reboot)', '__proto__', 'NaN', '-0', '1e999', '', ' ', 'a'.repeat(3000)],
    ...['infinity', '0001-01-01 BC', '𝔘𝔫𝔦𝔠𝔬𝔡𝔢', 'e\u0301', '\uffff', '\r\nset-cookie: a=b'],
  );
  const anyText = fc.oneof(nasty, fc.string({ unit: 'binary', maxLength: 40 }));
  const anyValue = fc.oneof(
    anyText,
    fc.jsonValue({ maxDepth: 4 }),
    fc.constantFrom(2 ** 53, -1, 1e308, 0.1),
    fc.integer({ min: 1, max: 3000 }).map((depth) =>
      Array(depth)
        .fill(0)
        .reduce((inner) => [inner], 0),
    ),
  );

  const schemaSchema = z.looseObject({
    type: z.union([z.string(), z.array(z.string())]).optional(),
    enum: z.array(z.unknown()).optional(),
    const: z.unknown().optional(),
    anyOf: z.array(z.unknown()).optional(),
    properties: z.record(z.string(), z.unknown()).optional(),
    items: z.unknown().optional(),
    pattern: z.string().optional(),
    format: z.string().optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
  });

  /** Values that match a schema, and sometimes values that do not. */
  function valuesOf(schema: unknown): fc.Arbitrary<unknown> {
    const usual = rightValuesOf(schema);
    return fc.oneof({ arbitrary: usual, weight: 5 }, { arbitrary: anyValue, weight: 1 });
  }

  function rightValuesOf(schema: unknown): fc.Arbitrary<unknown> {
    const read = schemaSchema.parse(schema);
    if (read.enum !== undefined) return fc.constantFrom(...read.enum);
    if (read.anyOf !== undefined) return fc.oneof(...read.anyOf.map(valuesOf));
    switch (read.type) {
      case 'object': {
        const properties = Object.entries(read.properties ?? {}).map(
          ([name, one]) => [name, valuesOf(one)] as const,
        );
        const right = fc.record(Object.fromEntries(properties), { requiredKeys: [] });
        const whole = fc.record(Object.fromEntries(properties));
        const more = fc.tuple(right, fc.dictionary(anyText, anyValue, { maxKeys: 2 }));
        return fc.oneof(
          whole,
          right,
          more.map(([some, others]) => ({ ...some, ...others })),
        );
      }
      case 'array':
        return fc.array(valuesOf(read.items ?? {}), { maxLength: 5 });
      case 'integer':
      case 'number':
        return fc.integer({ min: -1, max: 1_000_000 });
      case 'boolean':
        return fc.boolean();
      case 'string':
        if (read.format === 'uuid' || read.pattern?.includes('[0-9a-fA-F]{8}') === true) {
          return fc.oneof(fc.constantFrom(NODE, NOTHING, ids.viewer, CUSTOM), fc.uuid());
        }
        return fc.oneof(fc.string({ maxLength: 20 }), anyText);
      default:
        return anyValue;
    }
  }

  test.each(operations)(
    '$method $path never ends in an internal error',
    async ({ path, method, parameters, body }) => {
      const places = (place: 'path' | 'query') =>
        fc.record(
          Object.fromEntries(
            parameters
              .filter((one) => one.in === place)
              .map(({ name, schema }) => [name, valuesOf(schema)]),
          ),
          place === 'query' ? { requiredKeys: [] } : {},
        );
      const request = fc.record({
        path: places('path'),
        query: fc.oneof(places('query'), fc.dictionary(anyText, anyText, { maxKeys: 3 })),
        body: body === undefined ? fc.oneof(fc.constant(undefined), anyValue) : valuesOf(body),
        twice: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(request, async ({ path: segments, query, body: sent, twice }) => {
          const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
            encode(Object.hasOwn(segments, name) ? segments[name] : ''),
          );
          const search = Object.entries(query)
            .map(([name, value]) => `${encode(name)}=${encode(value)}`)
            .join('&');
          const takesBody = method === 'POST' || method === 'PATCH';
          const json = sent === undefined || !takesBody ? undefined : JSON.stringify(sent);
          // If a key is given twice, the server may use either value.
          const raw = twice ? json?.replace(/^\{("(?:[^"\\]|\\.)*"):/, '{$1:null,$1:') : json;
          const answer = await api.ask(`${filled}?${search}`, {
            ...{ method, cookie: await api.session(ids.admin) },
            ...(raw === undefined ? {} : { raw }),
          });
          expect(answer.status, answer.text).toBeLessThan(500);
          expect(answer.headers['set-cookie'] ?? []).not.toContain('a=b');
          if (answer.status >= 400) {
            expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
            expect(answer.body).toMatchObject({ status: answer.status });
          }
        }),
        { numRuns: 15 },
      );
      expect(api.lines.filter((line) => /Error|at file:/.test(line))).toEqual([]);
    },
  );

  function encode(value: unknown): string {
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
    return encodeURIComponent(text.toWellFormed());
  }
});

describe('a list', () => {
  beforeEach(reset);

  test.each(['name', 'createdAt'])(
    'sorted by %s, ascending and descending, has each entry on exactly one page',
    async (sort) => {
      await addVms(25);
      const read = async (order: string) => {
        const names: unknown[] = [];
        for (let cursor = ''; ; ) {
          const { body } = await asAdmin(`/v1/vms?limit=10&sort=${sort}&order=${order}${cursor}`);
          names.push(...itemsOf(body).map(({ name }) => name));
          const { next } = z.object({ next: z.string().nullable() }).parse(body);
          if (next === null) return names;
          cursor = `&cursor=${next}`;
        }
      };
      const up = await read('asc');
      expect(new Set(up).size).toBe(25);
      expect(up).toHaveLength(25);
      expect(await read('desc')).toEqual(up.toReversed());
      if (sort === 'name') expect(up).toEqual(up.toSorted());
    },
  );

  test('has the entries that match its filters', async () => {
    await addVms(30);
    const off = itemsOf((await asAdmin('/v1/vms?powerState=SHUT_OFF')).body);
    expect(off.map(({ name }) => name)).toEqual(['vm-00010', 'vm-00020', 'vm-00030']);
    const named = itemsOf((await asAdmin('/v1/vms?name=vm-0002')).body);
    expect(named).toHaveLength(10);
    expect(itemsOf((await asAdmin(`/v1/vms?nodeId=${NOTHING}`)).body)).toEqual([]);
    expect(itemsOf((await asAdmin('/v1/nodes?phase=READY&name=al')).body)).toHaveLength(1);
    expect(itemsOf((await asAdmin('/v1/nodes?name=be')).body)).toEqual([]);
  });

  test.each([
    'x',
    'W10',
    Buffer.from('["a","b"]').toString('base64url'),
    Buffer.from(JSON.stringify(['never', NODE])).toString('base64url'),
  ])('refuses an invalid cursor: %s', async (cursor) => {
    const { status } = await asAdmin(`/v1/vms?sort=createdAt&cursor=${cursor}`);
    expect(status).toBe(400);
  });
});

describe('a virtual machine', () => {
  beforeEach(reset);

  test('is started by a task in the name of the caller, once for an Idempotency-Key', async () => {
    await addVms(1);
    const [vm] = itemsOf((await asAdmin('/v1/vms')).body);
    const headers = { 'idempotency-key': 'one' };
    const start = (extra: Ask = {}) =>
      asAdmin(`/v1/vms/${vm?.id}/start`, { method: 'POST', headers, ...extra });
    const first = await start();
    expect(first.status).toBe(202);
    expect(first.body).toMatchObject({ verb: 'startVm', state: 'QUEUED', requestedBy: 'admin' });
    const second = await start();
    expect(second.body).toEqual(first.body);
    expect((await start({ body: { expiresInSeconds: 5 } })).status).toBe(422);
    const tasks = itemsOf((await asAdmin(`/v1/tasks?objectId=${vm?.id}`)).body);
    expect(tasks).toHaveLength(1);
    const id = z.object({ id: z.string() }).parse(first.body).id;
    const canceled = await asAdmin(`/v1/tasks/${id}/cancel`, { method: 'POST' });
    expect(canceled.body).toMatchObject({ state: 'CANCELED' });
  });

  test('is started once by simultaneous requests with the same Idempotency-Key', async () => {
    await addVms(1);
    const [vm] = itemsOf((await asAdmin('/v1/vms')).body);
    const headers = { 'idempotency-key': 'same' };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        asAdmin(`/v1/vms/${vm?.id}/start`, { method: 'POST', headers }),
      ),
    );
    expect(answers.filter(({ status }) => status === 202).length).toBeGreaterThan(0);
    expect(answers.every(({ status }) => status === 202 || status === 409)).toBe(true);
    expect(itemsOf((await asAdmin('/v1/tasks')).body)).toHaveLength(1);
  });
});

describe('accounts', () => {
  beforeEach(reset);

  const create = (username: string, role: string, who = ids.admin) =>
    api
      .session(who)
      .then((cookie) => api.ask('/v1/users', { method: 'POST', cookie, body: { username, role } }));

  test('are created with a password that is shown once, and the audit log does not contain it', async () => {
    const { status, body } = await create('ada', 'operator');
    expect(status).toBe(201);
    const { password } = z.object({ password: z.string() }).parse(body);
    await api.logIn('ada', password);
    const entries = await listAudit(api.db, { after: 0, limit: 100_000 });
    const made = entries.findLast(({ action }) => action === 'user.create');
    expect(made).toMatchObject({ username: 'admin', resourceName: 'ada', ipAddress: '127.0.0.1' });
    expect(JSON.stringify(entries)).not.toContain(password);
    expect((await create('ada', 'viewer')).status).toBe(409);
  });

  test('are changed by one of two callers who read the same version', async () => {
    const path = `/v1/users/${ids.viewer}`;
    const { headers } = await asAdmin(path);
    const change = (email: string) =>
      asAdmin(path, {
        ...{ method: 'PATCH', body: { email } },
        headers: { 'if-match': headers.etag ?? '' },
      });
    const first = await change('a@example.org');
    expect(first.status).toBe(200);
    expect((await change('b@example.org')).status).toBe(412);
    expect((await asAdmin(path)).headers.etag).toBe(first.headers.etag);
  });

  test('always include one with all permissions', async () => {
    await sql`DELETE FROM users WHERE username = 'fresh'`.execute(api.db);
    const path = `/v1/users/${ids.admin}`;
    for (const body of [{ enabled: false }, { role: 'viewer' }]) {
      expect((await asAdmin(path, { method: 'PATCH', body })).status).toBe(409);
    }
    expect((await asAdmin(path, { method: 'DELETE' })).status).toBe(409);
    expect((await asAdmin(path)).body).toMatchObject({ role: 'admin', enabled: true });
  });

  test('that manage others grant no permission that they lack, and change no account with more permissions', async () => {
    const role = await asAdmin('/v1/roles', {
      method: 'POST',
      body: {
        name: 'help desk',
        permissions: ['user:read', 'user:create', 'user:update', 'user:delete'],
      },
    });
    const { id: roleId } = z.object({ id: z.string() }).parse(role.body);
    const given = await asAdmin(`/v1/users/${ids.viewer}/roles/${roleId}`, { method: 'POST' });
    expect(given.status).toBe(204);
    const asDesk = async (path: string, ask: Ask) =>
      (await api.ask(path, { ...ask, cookie: await api.session(ids.viewer) })).status;
    expect(
      await asDesk('/v1/users', { method: 'POST', body: { username: 'x', role: 'viewer' } }),
    ).toBe(201);
    expect(
      await asDesk('/v1/users', { method: 'POST', body: { username: 'y', role: 'admin' } }),
    ).toBe(403);
    for (const path of [
      `/v1/users/${ids.admin}/reset-password`,
      `/v1/users/${ids.operator}/reset-password`,
    ]) {
      expect(await asDesk(path, { method: 'POST' })).toBe(403);
    }
    expect(
      await asDesk(`/v1/users/${ids.admin}`, { method: 'PATCH', body: { enabled: false } }),
    ).toBe(403);
    expect(
      await asDesk(`/v1/users/${ids.viewer}`, { method: 'PATCH', body: { role: 'admin' } }),
    ).toBe(403);
    expect(await asDesk(`/v1/users/${ids.admin}`, { method: 'DELETE' })).toBe(403);
    const more = { name: 'more', permissions: ['node:delete'] };
    expect(await asDesk('/v1/roles', { method: 'POST', body: more })).toBe(403);
    const wider = { permissions: ['user:read', 'system:config'] };
    expect(await asDesk(`/v1/roles/${roleId}`, { method: 'PATCH', body: wider })).toBe(403);
  });

  test.each(['/v1/roles', '/v1/api-keys'])('cannot give a blank name at %s', async (path) => {
    const body = { name: ' \u00a0\t', permissions: ['vm:read'] };
    expect(await asAdmin(path, { method: 'POST', body })).toMatchObject({
      ...{ status: 400, body: { detail: 'name of the body: is blank' } },
    });
  });

  test('cannot change the roles of the system', async () => {
    const admin = '00000000-0000-0000-0001-000000000001';
    const ask = { method: 'PATCH', body: { permissions: [] } };
    expect((await asAdmin(`/v1/roles/${admin}`, ask)).status).toBe(409);
    expect((await asAdmin(`/v1/roles/${admin}`, { method: 'DELETE' })).status).toBe(409);
  });

  test('lose their sessions when disabled or given another password, and their API keys when disabled', async () => {
    const cookie = await api.session(ids.operator);
    const key = await keyWith(ids.operator, ['vm:read']);
    const path = `/v1/users/${ids.operator}`;
    expect((await asAdmin(`${path}/reset-password`, { method: 'POST' })).status).toBe(200);
    expect((await api.ask('/v1/session', { cookie })).status).toBe(401);
    await sql`UPDATE users SET must_change_password = false`.execute(api.db);
    expect((await api.ask('/v1/vms', { key })).status).toBe(200);
    await asAdmin(path, { method: 'PATCH', body: { enabled: false } });
    expect((await api.ask('/v1/vms', { key })).status).toBe(401);
  });
});

describe('an API key', () => {
  beforeEach(reset);

  test('is shown once, has the requested permissions that its owner has, and none after it is revoked', async () => {
    const cookie = await api.session(ids.operator);
    const make = (permissions: string[]) =>
      api.ask('/v1/api-keys', {
        ...{ method: 'POST', cookie, body: { name: 'ci', permissions } },
        headers: { 'idempotency-key': permissions.join() },
      });
    expect((await make(['user:delete'])).status).toBe(403);
    const made = await make(['vm:read', 'vm:start']);
    const { key, id } = z.object({ key: z.string(), id: z.string() }).parse(made.body);
    expect((await make(['vm:read', 'vm:start'])).status).toBe(409);
    expect((await api.ask('/v1/vms', { key })).status).toBe(200);
    expect((await api.ask('/v1/nodes', { key })).status).toBe(403);
    expect((await api.ask('/v1/api-keys', { cookie })).text).not.toContain(key);
    // From now on its owner has fewer permissions, and so has the key.
    await asAdmin(`/v1/users/${ids.operator}`, { method: 'PATCH', body: { role: 'viewer' } });
    expect((await api.ask(`/v1/vms/${NOTHING}/start`, { method: 'POST', key })).status).toBe(403);
    expect((await api.ask('/v1/vms', { key })).status).toBe(200);
    expect((await api.ask(`/v1/api-keys/${id}`, { method: 'DELETE', cookie })).status).toBe(204);
    expect((await api.ask('/v1/vms', { key })).status).toBe(401);
  });

  test('cannot change its owner, who has more permissions', async () => {
    const key = await keyWith(ids.admin, ['user:read', 'user:update', 'user:delete']);
    const path = `/v1/users/${ids.admin}`;
    const asked = async (ask: Ask, of = path) => (await api.ask(of, { ...ask, key })).status;
    expect(await asked({ method: 'POST' }, `${path}/reset-password`)).toBe(403);
    expect(await asked({ method: 'PATCH', body: { email: 'a@example.org' } })).toBe(403);
    expect(await asked({ method: 'DELETE' })).toBe(403);
  });

  test('of another account cannot be revoked', async () => {
    await keyWith(ids.operator, ['vm:read']);
    const { rows } = await sql<{
      id: string;
    }>`SELECT id FROM api_keys WHERE created_by = ${ids.operator}`.execute(api.db);
    const path = `/v1/api-keys/${rows[0]?.id}`;
    expect((await asAdmin(path, { method: 'DELETE' })).status).toBe(404);
  });
});

test('a join token is created, listed without its secret, and revoked', async () => {
  await reset();
  const { status, body } = await asAdmin('/v1/join-tokens', { method: 'POST', body: {} });
  expect(status).toBe(201);
  const { joinToken, id } = z.object({ joinToken: z.string(), id: z.string() }).parse(body);
  expect(joinToken).toMatch(/^qxj1\.[\w-]{43}\.[0-9a-f]{64}$/);
  const list = await asAdmin('/v1/join-tokens');
  expect(list.text).not.toContain(joinToken.split('.')[1]);
  expect((await asAdmin(`/v1/join-tokens/${id}`, { method: 'DELETE' })).status).toBe(204);
  expect(itemsOf((await asAdmin('/v1/join-tokens')).body)).toMatchObject([{ state: 'revoked' }]);
});

test('alerts are listed page by page, acknowledged, and cleared', async () => {
  await reset();
  const raise = (title: string) =>
    raiseAlert(api.db, { severity: 'WARNING', title, sourceType: 'CONTROL_PLANE' });
  for (const title of ['first', 'second', 'third']) await raise(title);
  const first = await asAdmin('/v1/alerts?limit=2&state=open');
  expect(itemsOf(first.body).map(({ title }) => title)).toEqual(['third', 'second']);
  const { next } = z.object({ next: z.string() }).parse(first.body);
  const second = await asAdmin(`/v1/alerts?limit=2&state=open&cursor=${next}`);
  expect(itemsOf(second.body)).toMatchObject([{ title: 'first', acknowledgedBy: null }]);
  const path = `/v1/alerts/${itemsOf(second.body)[0]?.id}`;
  expect((await asAdmin(`${path}/acknowledge`, { method: 'POST' })).body).toMatchObject({
    ...{ acknowledgedBy: 'admin', clearedAt: null },
  });
  await asAdmin(`${path}/clear`, { method: 'POST' });
  const cleared = itemsOf((await asAdmin('/v1/alerts?state=cleared')).body);
  expect(cleared.map(({ title }) => title)).toEqual(['first']);
});

test('the audit log is listed page by page, with filters', async () => {
  await reset();
  const since = new Date().toISOString();
  const viewer = `/v1/users/${ids.viewer}`;
  await asAdmin(viewer, { method: 'PATCH', body: { role: 'operator' } });
  await asAdmin(`${viewer}/reset-password`, { method: 'POST' });
  await api.ask('/v1/session', { method: 'POST', body: { username: 'viewer', password: 'no' } });
  const list = async (query: string) => {
    const { status, body, text } = await asAdmin(`/v1/audit?since=${since}${query}`);
    expect(status, text).toBe(200);
    const actions = itemsOf(body).map(({ action }) => action);
    return { actions, next: z.object({ next: z.string().nullable() }).parse(body).next };
  };
  const first = await list('&limit=2');
  expect(first.actions).toEqual(['session.begin', 'user.reset-password']);
  const second = await list(`&limit=2&cursor=${first.next}`);
  expect(second).toEqual({ actions: ['user.update'], next: null });
  const changes = ['user.reset-password', 'user.update'];
  expect((await list('&action=user')).actions).toEqual(changes);
  expect((await list(`&resourceId=${ids.viewer.toUpperCase()}`)).actions).toEqual(changes);
  expect((await list('&username=viewer&result=failure')).actions).toEqual(['session.begin']);
  expect((await list(`&until=${since}`)).actions).toEqual([]);
  const foreign = Buffer.from(JSON.stringify(['1; DROP', NOTHING])).toString('base64url');
  const refused = await asAdmin(`/v1/audit?cursor=${foreign}`);
  expect([refused.status, refused.text]).toEqual([400, expect.stringContaining('cursor')]);
});

describe('events', () => {
  beforeEach(reset);
  const idsOf = (answer: { text: string }) =>
    [...answer.text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));

  test('are sent as they happen, and after a reconnection from the last received one on', async () => {
    const raise = () =>
      raiseAlert(api.db, {
        ...{ severity: 'INFO', title: crypto.randomUUID(), sourceType: 'CONTROL_PLANE' },
      });
    // After a restore, the numbers have the most digits. The restore ends earlier subscriptions.
    await skipEventNumbers(api.db);
    const before = (await readEventBounds(api.db)).last;
    await raise();
    const numbered = async () => (await readEventBounds(api.db)).last;
    await expect.poll(numbered).toBeGreaterThan(before);
    await asAdmin('/v1/events', {
      ...{ headers: { 'last-event-id': String((await numbered()) - 1) }, events: 1 },
    });
    const listening = asAdmin('/v1/events?kind=alert', { events: 1 });
    // The first event may happen before the subscription starts.
    const raised = setInterval(() => void raise(), 200);
    const first = await listening.finally(() => clearInterval(raised));
    expect(first.status).toBe(200);
    const seen = idsOf(first)[1] ?? 0;
    await raise();
    await raise();
    const headers = { 'last-event-id': String(seen) };
    const then = await asAdmin('/v1/events?kind=alert', { headers, events: 2 });
    expect(idsOf(then)[0]).toBe(seen);
    expect(idsOf(then)[1]).toBeGreaterThan(seen);
    expect(idsOf(then)).toEqual(idsOf(then).toSorted((a, b) => a - b));
    expect(then.text).toMatch(/^event: alert\.\S+\ndata: \{.*"subject":\{"type":"ALERT"/m);
  });

  test('of which none was sent yet are not missed by a client that reconnects', async () => {
    const nodeId = 'abababab-abab-4bab-8bab-abababababab';
    const path = `/v1/events?kind=alert&nodeId=${nodeId.toUpperCase()}`;
    const [position] = idsOf(await asAdmin(path));
    expect(position).toBe((await readEventBounds(api.db)).last);
    const subject = { type: 'ALERT', id: NOTHING, name: '' } as const;
    await writeEvent(api.db, { kind: 'alert.raised', subject, nodeId });
    const headers = { 'last-event-id': String(position) };
    const then = await asAdmin(path, { headers, events: 1 });
    expect(idsOf(then)).toEqual([position, (position ?? 0) + 1]);
  });

  test('with an old or unknown id are reported as lost; an id that is not a number is refused', async () => {
    const statusAfter = async (id: string) =>
      (await asAdmin('/v1/events', { headers: { 'last-event-id': id } })).status;
    expect(await statusAfter('999999999')).toBe(410);
    expect(await statusAfter('1; DROP TABLE events')).toBe(400);
  });
});
