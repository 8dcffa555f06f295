import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ZodType } from 'zod';
import {
  fleetNodeSchema,
  fleetNodesSchema,
  fleetPoolSchema,
  fleetPoolsSchema,
  fleetTaskSchema,
  fleetTasksSchema,
  fleetTokenSchema,
  fleetTokensSchema,
  fleetVmSchema,
  fleetVmsSchema,
  newTokenSchema,
} from '../../apps/api/fleet.ts';
import { issuedUserSchema, userSchema, usersSchema } from '../../apps/api/users.ts';
import { operate } from '../../apps/control-plane/commands/operate.ts';
import type { Database } from '../../apps/control-plane/database/database.ts';
import { listAudit } from '../../apps/control-plane/database/repositories/audit-log.ts';
import {
  departNode,
  findDepartedNode,
} from '../../apps/control-plane/database/repositories/departed-nodes.ts';
import { useJoinToken } from '../../apps/control-plane/database/repositories/join-tokens.ts';
import {
  findNode,
  registerNode,
  setNodePhase,
} from '../../apps/control-plane/database/repositories/nodes.ts';
import {
  listTasks,
  recordTaskReport,
  recordTaskSent,
} from '../../apps/control-plane/database/repositories/tasks.ts';
import { findUserByName } from '../../apps/control-plane/database/repositories/users.ts';
import { readFirstLogIn } from '../../apps/control-plane/operator/client.ts';
import {
  type OperatorCommand,
  type OperatorValues,
  VERBS_OF,
} from '../../apps/control-plane/operator/options.ts';
import { createOperatorRoutes } from '../../apps/control-plane/operator/routes.ts';
import { createUserRoutes } from '../../apps/control-plane/people/operator-routes.ts';
import { checkPassword } from '../../apps/control-plane/people/password.ts';
import { bind } from '../../apps/http/bind.ts';
import { createApiServer } from '../../apps/http/server.ts';
import {
  TaskErrorCode,
  TaskReportSchema,
  TaskState,
} from '../../apps/proto/gen/quantix/v1/task_pb.js';
import { type OpenTestDatabase, openTestDatabase } from './database.ts';

const ONE = '11111111-1111-8111-8111-111111111111';
const TWO = '11112222-2222-8222-8222-222222222222';
const WEB = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa';
const MAIL = 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb';
const POOL = 'cccccccc-cccc-4ccc-8ccc-cccccccccccc';
const CA = 'ca'.repeat(32);
const PEOPLE = { port: 8443, fingerprint: 'fe'.repeat(32) };

let opened: OpenTestDatabase;
let database: Database;
let db: Database['db'];
let folder: string;
let socket: string;
let server: Server;

beforeAll(async () => {
  opened = await openTestDatabase();
  database = opened.database;
  db = database.db;
  folder = await mkdtemp(join(tmpdir(), 'quantix-operator-'));
  socket = join(folder, 'controlplane.sock');
  server = createApiServer({
    routes: [
      ...createOperatorRoutes({ database, fingerprint: CA }),
      ...createUserRoutes({ database, servedPeople: () => PEOPLE }),
    ],
    explain: () => undefined,
    onBug: (error) => {
      throw error;
    },
  });
  await bind(server, socket);
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await opened[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Two hosts: `web` runs on the first, `mail` on the second, whose last heartbeat was five minutes ago. */
beforeEach(async () => {
  await sql`TRUNCATE nodes, virtual_machines, storage_pools, join_tokens, departed_nodes, tasks CASCADE`.execute(
    db,
  );
  for (const [id, hostname, name, vm, minutes] of [
    [ONE, 'alpha', 'web', WEB, 0],
    [TWO, 'beta', 'mail', MAIL, 5],
  ] as const) {
    await registerNode(db, { id, hostname, managementIp: '10.0.0.1', spec: {} });
    await setNodePhase(db, id, minutes === 0 ? 'READY' : 'DISCONNECTED');
    const receivedAt = new Date(Date.now() - minutes * 60_000);
    await sql`
      INSERT INTO node_heartbeats (node_id, epoch, sequence, received_at) VALUES (${id}, 1, 1, ${receivedAt})`.execute(
      db,
    );
    await sql`
      INSERT INTO virtual_machines (id, name, project_id, node_id, power_state, last_seen)
      VALUES (${vm}, ${name}, '00000000-0000-0000-0000-000000000001', ${id}, 'RUNNING', ${receivedAt})`.execute(
      db,
    );
  }
});

interface Run {
  text: string;
  status: number;
  told: string;
}

/** Runs a command of the operator. */
async function run(
  command: OperatorCommand,
  words: string,
  values: OperatorValues = {},
  more: { form?: 'json' | 'text'; typed?: string } = {},
): Promise<Run> {
  let told = '';
  const outcome = await operate(command, words.split(' '), {
    ...{ form: more.form ?? 'text', values, socket, signal: new AbortController().signal },
    tell: (text) => {
      told += text;
    },
    print: async () => undefined,
    askLine: async () => more.typed,
  });
  return { ...outcome, told };
}

const json = async (command: OperatorCommand, words: string, values: OperatorValues = {}) =>
  JSON.parse((await run(command, words, values, { form: 'json' })).text);

/** Waits for a task, and records these reports of its node. */
async function play(
  reports: readonly Parameters<typeof create<typeof TaskReportSchema>>[1][],
): Promise<void> {
  for (;;) {
    const [task] = await listTasks(db, { limit: 1 });
    if (task === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    await recordTaskSent(db, task.id, new Date());
    for (const [index, report] of reports.entries()) {
      const whole = create(TaskReportSchema, { ...report, taskId: task.id, number: index + 1 });
      await recordTaskReport(db, task.nodeId, whole, new Date());
    }
    return;
  }
}

describe('join tokens', () => {
  test('are created in the form that hosts accept, listed with the hosts that used them, and revoked', async () => {
    const made = newTokenSchema.parse(
      await json('token', 'create', { uses: '2', expires: '2h', description: 'rack 7' }),
    );
    expect(made).toMatchObject({ fingerprint: CA, maxUses: 2, description: 'rack 7' });
    const [mark, secret = '', fingerprint] = made.joinToken.split('.');
    expect([mark, fingerprint]).toEqual(['qxj1', CA]);
    const life = Date.parse(made.expiresAt) - Date.parse(made.createdAt);
    expect(Math.round(life / 60_000)).toBe(120);
    const bearer = { secret, nodeId: ONE, hostname: 'alpha', address: '10.0.0.1', now: new Date() };
    expect(await useJoinToken(db, bearer)).toBe('accepted');
    const { text } = await run('token', 'list');
    expect(text).toMatch(/open +1 of 2 .* rack 7 +alpha \(10\.0\.0\.1\)\n/);
    expect(text).not.toContain(secret);
    expect(fleetTokensSchema.parse(await json('token', 'list')).tokens).toHaveLength(1);
    expect((await run('token', `revoke ${made.id.slice(0, 8)}`)).text).toBe(
      `${made.id} is revoked.\n`,
    );
    expect(await useJoinToken(db, bearer)).toBe('unknown');
  });

  test('are shown with the number of hosts, their expiry and the fingerprint', async () => {
    const { text } = await run('token', 'create');
    expect(text).toMatch(
      /^qxj1\.[\w-]{43}\.(ca){32}\ngood for one host, until \d\d:\d\d; it is shown this once\nfingerprint of this control plane: (ca){32}\n$/,
    );
  });
});

describe('nodes, their machines and pools', () => {
  test('nodes are listed with the time since they were last heard of', async () => {
    const { text } = await run('nodes', 'list');
    expect(text).toMatch(/^ID +HOST +ADDRESS +PHASE +LAST HEARD +VMS\n/);
    expect(text).toMatch(/alpha +10\.0\.0\.1 +READY +\d\d:\d\d \(\d+ s ago\) +1\n/);
    expect(text).toMatch(/beta +10\.0\.0\.1 +DISCONNECTED +\d\d:\d\d \(5 minutes ago\) +1\n/);
    expect(fleetNodesSchema.parse(await json('nodes', 'list')).nodes).toMatchObject([
      { hostname: 'alpha', isHeard: true },
      { hostname: 'beta', isHeard: false },
    ]);
    expect((await run('nodes', 'show beta')).text).toContain('1, when it was heard of last');
  });

  test('a machine of a host that does not report is shown as last seen running, never as stopped', async () => {
    const { text } = await run('vms', 'list');
    expect(text).toMatch(/web +alpha +running\n/);
    expect(text).toMatch(/mail +beta +last seen running \d\d:\d\d \(5 minutes ago\)\n/);
    expect(fleetVmSchema.parse(await json('vms', 'show mail'))).toMatchObject({
      ...{ powerState: 'RUNNING', known: 'last-seen', node: 'beta' },
    });
    // The same holds if the phase of the node has not been corrected yet.
    await setNodePhase(db, TWO, 'READY');
    expect((await json('vms', 'show mail')).known).toBe('last-seen');
    const ofAlpha = await json('vms', 'list', { node: 'alpha' });
    expect(ofAlpha.vms.map(({ name }: { name: string }) => name)).toEqual(['web']);
  });

  test('a machine that was never reported is shown as not known, and a lost one as lost', async () => {
    await sql`UPDATE virtual_machines SET last_seen = NULL WHERE id = ${WEB}`.execute(db);
    await sql`UPDATE virtual_machines SET lost_at = now(), lost_reason = 'gone' WHERE id = ${MAIL}`.execute(
      db,
    );
    const { text } = await run('vms', 'list');
    expect(text).toMatch(/web +alpha +not known\n/);
    expect(text).toMatch(/mail +beta +lost \d\d:\d\d \(\d+ s ago\): gone\n/);
    await expect(run('vms', 'start mail')).rejects.toThrow('it is lost: gone');
  });

  test('pools are reported with their hosts', async () => {
    await sql`INSERT INTO storage_pools (id, name, pool_type) VALUES (${POOL}, 'fast', 'NFS')`.execute(
      db,
    );
    await sql`
      INSERT INTO pool_host_statuses (pool_id, node_id, health, total_bytes, available_bytes)
      VALUES (${POOL}, ${ONE}, 'HEALTHY', 2048, 1024), (${POOL}, ${TWO}, 'HEALTHY', NULL, NULL)`.execute(
      db,
    );
    const { text } = await run('pools', 'list');
    expect(text).toMatch(/fast +nfs +alpha +healthy +1\.0 KiB\n/);
    expect(text).toMatch(/fast +nfs +beta +last healthy \d\d:\d\d \(5 minutes ago\) +not known\n/);
    expect(fleetPoolSchema.parse(await json('pools', 'show fast')).hosts).toHaveLength(2);
    expect((await run('pools', 'show cccc')).text).toContain('1.0 KiB of 2.0 KiB available');
  });

  test('control characters in names do not reach the terminal', async () => {
    const name = 'a\x1b[2J\u202eb\n';
    await sql`UPDATE nodes SET hostname = ${name}`.execute(db);
    await sql`UPDATE virtual_machines SET name = ${name} || left(id::text, 1)`.execute(db);
    const texts = await Promise.all([
      run('nodes', 'list'),
      run('nodes', `show ${ONE}`),
      run('nodes', `resync ${ONE}`),
      run('vms', 'list'),
      run('vms', `start ${WEB}`, { 'no-wait': true }),
      run('tasks', 'list'),
    ]);
    // This command is the last one, because the others need the node.
    texts.push(await run('nodes', `delete ${ONE}`, {}, { typed: 'a?[2J?b?' }));
    for (const { text, told } of texts) {
      expect(`${text}${told}`.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
    const failed = await run('nodes', `show ${name}x`.replaceAll(' ', '')).catch(String);
    expect(failed).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  test('they are found by id, prefix of an id, or name; a word that fits several or none of them is refused', async () => {
    expect((await json('nodes', 'show 11111111-1111-8111-8111-111111111111')).id).toBe(ONE);
    expect((await json('nodes', 'show 11112')).id).toBe(TWO);
    await expect(run('nodes', 'show 1111')).rejects.toThrow(
      `"1111" stands for 2 nodes: ${ONE}, ${TWO}. Give more of its id.`,
    );
    await expect(run('nodes', 'show 111')).rejects.toThrow('there is no node "111"');
    await expect(run('vms', 'show %00')).rejects.toThrow('no virtual machine "%00"');
    await expect(run('vms', 'show ../../nodes')).rejects.toThrow('there is no virtual machine');
    await sql`UPDATE nodes SET hostname = 'same'`.execute(db);
    await expect(run('nodes', 'show same')).rejects.toThrow('"same" stands for 2 nodes');
  });

  test('nodes resync requests the full state of a node', async () => {
    await run('nodes', 'resync alpha');
    expect((await findNode(db, ONE))?.fullStateWantedAt).toBeInstanceOf(Date);
    expect((await findNode(db, TWO))?.fullStateWantedAt).toBeNull();
  });

  test('a node is deleted once its name is typed, and shown as deleted afterwards', async () => {
    await expect(run('nodes', 'delete alpha')).rejects.toThrow('its name was not typed');
    await expect(run('nodes', 'delete alpha', {}, { typed: 'beta' })).rejects.toThrow('not typed');
    expect((await run('nodes', 'delete alpha', {}, { typed: 'alpha' })).text).toMatch(
      /^alpha is deleted/,
    );
    expect(await findDepartedNode(db, ONE)).toMatchObject({ how: 'DELETED' });
    await expect(run('nodes', 'show alpha')).rejects.toThrow(/alpha was deleted by \S+ at /);
    expect((await run('nodes', 'delete beta', { yes: true, reason: 'sold' })).status).toBe(0);
    expect(await findDepartedNode(db, TWO)).toMatchObject({ reason: 'sold' });
  });

  test('only an unknown host is adopted, by its whole id; a known or deleted one is refused', async () => {
    const id = '33333333-3333-8333-8333-333333333333';
    expect((await run('nodes', `adopt ${id}`)).text).toBe(
      `${id} is adopted, and reports its name itself.\n`,
    );
    expect(await json('nodes', `show ${id}`)).toMatchObject({ id, phase: 'PENDING' });
    await expect(run('nodes', `adopt ${id}`)).rejects.toThrow('it is a node already');
    await expect(run('nodes', 'adopt 3333')).rejects.toThrow('not the whole id');
    await run('nodes', `delete ${id}`, { yes: true });
    await expect(run('nodes', `adopt ${id}`)).rejects.toThrow('comes back with a new join token');
    const [adopted] = (await listAudit(db, { after: 0, limit: 1000 })).filter(
      ({ action }) => action === 'node.adopt',
    );
    expect(adopted).toMatchObject({ resourceId: id });
  });

  test('a node that has left is shown so, gets no tasks, and can be deleted', async () => {
    const now = new Date();
    await departNode(db, { nodeId: ONE, how: 'LEFT', by: 'node', reason: '', now });
    expect((await run('nodes', 'list')).text).toMatch(/alpha .* left \d\d:\d\d \(\d+ s ago\) /);
    expect((await json('vms', 'show web')).known).toBe('last-seen');
    for (const words of ['maintenance alpha on', 'resync alpha'] as const) {
      await expect(run('nodes', words)).rejects.toThrow('alpha has left');
    }
    await expect(run('vms', 'start web')).rejects.toThrow('alpha has left');
    await run('nodes', 'delete alpha', { yes: true });
    await expect(run('nodes', 'show alpha')).rejects.toThrow('alpha was deleted by');
  });

  test('maintenance sets the phase of the node at once, and creates a task for the host', async () => {
    const refused = run('nodes', 'maintenance alpha on', { 'no-wait': true, reason: 'a\0b' });
    await expect(refused).rejects.toThrow();
    expect((await findNode(db, ONE))?.phase).toBe('READY');
    const on = { 'no-wait': true, reason: 'new memory' };
    expect((await run('nodes', 'maintenance alpha on', on)).text).toBe(
      'alpha: set maintenance: waits for its host\n',
    );
    expect(await findNode(db, ONE)).toMatchObject({ phase: 'MAINTENANCE' });
    const [task] = await listTasks(db, { limit: 1 });
    expect(task?.request).toMatchObject({
      setMaintenance: { enabled: true, reason: 'new memory' },
    });
    await run('nodes', 'maintenance alpha off', { 'no-wait': true });
    expect(await findNode(db, ONE)).toMatchObject({ phase: 'READY' });
    await run('nodes', 'maintenance beta on', { 'no-wait': true });
    await run('nodes', 'maintenance beta off', { 'no-wait': true });
    expect(await findNode(db, TWO)).toMatchObject({ phase: 'DISCONNECTED' });
  });

  test('maintenance whose task cannot be created does not begin', async () => {
    const { phase } = (await findNode(db, ONE))!;
    await sql`ALTER TABLE tasks ADD CONSTRAINT none CHECK (verb <> 'setMaintenance') NOT VALID`.execute(
      db,
    );
    try {
      await expect(run('nodes', 'maintenance alpha on', { 'no-wait': true })).rejects.toThrow();
    } finally {
      await sql`ALTER TABLE tasks DROP CONSTRAINT none`.execute(db);
    }
    expect(await findNode(db, ONE)).toMatchObject({ phase });
  });
});

describe('a task of a virtual machine', () => {
  test('is waited for, with its progress', async () => {
    const [{ text, status, told }] = await Promise.all([
      run('vms', 'start web'),
      play([
        { state: TaskState.RUNNING, progressPercent: 40, message: 'starting\x1b[2J' },
        { state: TaskState.DONE },
      ]),
    ]);
    expect({ text, status }).toEqual({ text: 'web: start vm: done\n', status: 0 });
    expect(told).not.toContain('\x1b');
  });

  test('that fails gives its reason and exit status 1', async () => {
    const error = { code: TaskErrorCode.CONFLICT, message: 'no memory' };
    const [outcome] = await Promise.all([
      run('vms', 'stop web'),
      play([{ state: TaskState.FAILED, error }]),
    ]);
    expect(outcome).toMatchObject({
      ...{ text: 'web: stop vm: failed (CONFLICT): no memory\n', status: 1 },
    });
  });

  test('whose host does not connect expires', async () => {
    const { text, status } = await run('vms', 'reboot mail', { within: '1s' });
    expect({ text, status }).toEqual({
      text: 'mail: reboot vm: failed (EXPIRED): its node did not receive it in time\n',
      status: 1,
    });
  });

  test('is created for no machine if one of the names is wrong', async () => {
    await expect(run('vms', 'shutdown web mial')).rejects.toThrow(
      'there is no virtual machine "mial". qx-controlplane vms list lists them.',
    );
    expect(await listTasks(db, { limit: 9 })).toEqual([]);
  });

  test('is listed, shown and cancelled', async () => {
    const { tasks: begun } = fleetTasksSchema.parse(
      await json('vms', 'shutdown web mail', { 'no-wait': true }),
    );
    expect(begun.map(({ state }) => state)).toEqual(['QUEUED', 'QUEUED']);
    expect((await run('tasks', 'list', { node: 'alpha' })).text).toMatch(
      /alpha +shutdown vm +aaaaaaaa +waits for its host\n$/,
    );
    const id = begun[0]?.id ?? '';
    expect((await run('tasks', `show ${id.slice(0, 10)}`)).text).toContain('sent     not yet');
    expect((await run('tasks', `cancel ${id}`)).text).toMatch(
      /^canceled \(CANCELED\): canceled by /,
    );
  });
});

describe('accounts of people', () => {
  const hashOf = async (name: string) => (await findUserByName(db, name))?.passwordHash;
  beforeEach(async () => {
    await sql`DELETE FROM users`.execute(db);
  });

  test('the first is admin, which gets a new password each time until somebody has logged in', async () => {
    expect((await run('users', 'list')).text).toBe(
      'There is no account: qx-controlplane users first-password makes one.\n',
    );
    expect(await readFirstLogIn({ socket })).toEqual({ open: true, people: PEOPLE });
    const first = issuedUserSchema.parse(await json('users', 'first-password'));
    expect(first).toMatchObject({ username: 'admin', role: 'admin', mustChangePassword: true });
    const { text } = await run('users', 'first-password');
    const [, password = ''] = /^admin: ([a-z0-9-]+)\nIt is shown this once/.exec(text) ?? [];
    expect(await checkPassword(first.password, await hashOf('admin'))).toMatchObject({
      isRight: false,
    });
    expect(await checkPassword(password, await hashOf('admin'))).toMatchObject({ isRight: true });
    await sql`UPDATE users SET last_login = now()`.execute(db);
    expect(await readFirstLogIn({ socket })).toEqual({ open: false, people: PEOPLE });
    await expect(run('users', 'first-password')).rejects.toThrow('somebody has logged in already');
  });

  test('are added, disabled, enabled, and given a new password', async () => {
    await run('users', 'first-password');
    const added = issuedUserSchema.parse(await json('users', 'add ada', { role: 'operator' }));
    expect(added).toMatchObject({ username: 'ada', role: 'operator', enabled: true });
    expect((await run('users', 'list')).text).toMatch(
      /ada +operator +has to change its password +never\n/,
    );
    expect((await run('users', 'disable ada')).text).toBe('ada is disabled.\n');
    expect((await run('users', 'list')).text).toMatch(/ada +operator +disabled +never\n/);
    expect((await run('users', 'enable ada')).text).toBe('ada is enabled.\n');
    const reset = issuedUserSchema.parse(await json('users', 'reset-password ada'));
    expect(await checkPassword(reset.password, await hashOf('ada'))).toMatchObject({
      isRight: true,
    });
    await expect(run('users', 'add ada')).rejects.toThrow(/^username "ada" already exists\.$/);
    await expect(run('users', 'add Ada')).rejects.toThrow('is not a valid account name');
    await expect(run('users', 'disable bob')).rejects.toThrow('there is no account "bob"');
    await expect(run('users', 'disable admin')).rejects.toThrow('nobody would be left');
  });
});

test('with --json every command prints the objects that it affects', async () => {
  await sql`INSERT INTO storage_pools (id, name, pool_type) VALUES (${POOL}, 'fast', 'NFS')`.execute(
    db,
  );
  const noWait = { 'no-wait': true };
  const token = newTokenSchema.parse(await json('token', 'create'));
  const [task] = fleetTasksSchema.parse(await json('vms', 'shutdown web', noWait)).tasks;
  const commands: [OperatorCommand, string, ZodType, OperatorValues?][] = [
    ['token', 'create', newTokenSchema],
    ['token', 'list', fleetTokensSchema],
    ['token', `revoke ${token.id}`, fleetTokenSchema],
    ['vms', 'list', fleetVmsSchema],
    ['vms', 'show web', fleetVmSchema],
    ['vms', 'start web', fleetTasksSchema, noWait],
    ['vms', 'shutdown web', fleetTasksSchema, noWait],
    ['vms', 'stop web', fleetTasksSchema, noWait],
    ['vms', 'reboot web', fleetTasksSchema, noWait],
    ['pools', 'list', fleetPoolsSchema],
    ['pools', 'show fast', fleetPoolSchema],
    ['tasks', 'list', fleetTasksSchema],
    ['tasks', `show ${task?.id}`, fleetTaskSchema],
    ['tasks', `cancel ${task?.id}`, fleetTaskSchema],
    ['nodes', 'list', fleetNodesSchema],
    ['nodes', 'show alpha', fleetNodeSchema],
    ['nodes', 'resync alpha', fleetNodeSchema],
    ['nodes', 'maintenance alpha on', fleetTasksSchema, noWait],
    ['nodes', 'adopt 44444444-4444-8444-8444-444444444444', fleetNodeSchema],
    ['nodes', 'delete alpha', fleetNodeSchema, { yes: true }],
    ['users', 'list', usersSchema],
    ['users', 'first-password', issuedUserSchema],
    ['users', 'add eve', issuedUserSchema],
    ['users', 'reset-password eve', issuedUserSchema],
    ['users', 'disable eve', userSchema],
    ['users', 'enable eve', userSchema],
  ];
  for (const [command, words, schema, values] of commands) {
    const printed = await json(command, words, values);
    expect(schema.safeParse(printed).error, `${command} ${words}`).toBeUndefined();
  }
  const called = commands.map(([command, words]) => `${command} ${words.split(' ', 1)}`);
  const all = (['token', 'vms', 'pools', 'tasks', 'nodes', 'users'] as const).flatMap((command) =>
    VERBS_OF[command].map((verb) => `${command} ${verb}`),
  );
  expect(called.sort()).toEqual(all.sort());
});

test.each<[OperatorCommand, string, OperatorValues, string]>([
  ['users', 'add', {}, 'an argument is missing'],
  ['token', 'revoke ', {}, 'an argument is empty'],
  ['users', 'add ada', { role: 'root' }, '--role "root" is not one of admin, operator, viewer'],
  ['users', 'list', { role: 'admin' }, '--role is not an option of users list'],
  ['users', 'forget', {}, 'users is followed by list, add,'],
  ['token', '', {}, 'token is followed by create, list or revoke'],
  ['token', 'create', { uses: '0' }, 'not a number from 1 to 10000'],
  ['token', 'create', { expires: '1 hour' }, 'not a time such as'],
  ['token', 'create', { expires: '366d' }, 'at most 365d'],
  ['token', 'list', { uses: '2' }, '--uses is not an option of token list'],
  ['nodes', 'forget', {}, 'nodes is followed by list, show,'],
  ['nodes', 'maintenance alpha', {}, 'an argument is missing'],
  ['nodes', 'maintenance alpha maybe', {}, 'is followed by on or off'],
  ['vms', 'start', {}, 'an argument is missing'],
  ['vms', 'start web', { yes: true }, '--yes is not an option of vms start'],
  ['pools', 'show a b', {}, '"b" is one argument too many'],
  ['tasks', 'end', {}, 'tasks is followed by list, show or cancel'],
])('%s %s is wrong usage: %o', async (command, words, values, message) => {
  await expect(run(command, words, values)).rejects.toThrow(message);
});

test('a control plane that does not run is reported', async () => {
  const nowhere = join(folder, 'nowhere.sock');
  const asked = operate('nodes', ['list'], {
    ...{ form: 'text', values: {}, socket: nowhere, signal: new AbortController().signal },
    ...{ tell: () => undefined, print: async () => undefined, askLine: async () => undefined },
  });
  await expect(asked).rejects.toThrow(
    `qx-controlplane is not running: nothing listens on ${nowhere}`,
  );
});
