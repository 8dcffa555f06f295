import { mkdir, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FleetRollout, fleetRolloutSchema, fleetUpdatesSchema } from '../../apps/api/fleet.ts';
import { operate } from '../../apps/control-plane/commands/operate.ts';
import type { Database } from '../../apps/control-plane/database/database.ts';
import { listOpenAlerts } from '../../apps/control-plane/database/repositories/alerts.ts';
import { departNode } from '../../apps/control-plane/database/repositories/departed-nodes.ts';
import {
  registerNode,
  setNodePhase,
} from '../../apps/control-plane/database/repositories/nodes.ts';
import { advanceRollouts } from '../../apps/control-plane/database/repositories/rollouts.ts';
import { recordTaskReport } from '../../apps/control-plane/database/repositories/tasks.ts';
import type { OperatorValues } from '../../apps/control-plane/operator/options.ts';
import { updateRoutes } from '../../apps/control-plane/updates/routes.ts';
import { bind } from '../../apps/http/bind.ts';
import { createApiServer } from '../../apps/http/server.ts';
import { UsageError } from '../../apps/process/command-line.ts';
import {
  TaskErrorCode,
  TaskReportSchema,
  TaskState,
} from '../../apps/proto/gen/quantix/v1/task_pb.js';
import { LINE, OURS, released } from '../unit/apps/control-plane/updates/trees.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { type OpenTestDatabase, openTestDatabase } from './database.ts';

const NODES = ['1', '2', '3'].map((digit) => `${digit.repeat(8)}-1111-8111-8111-111111111111`);
const [ONE = '', TWO = '', THREE = ''] = NODES;

let opened: OpenTestDatabase;
let database: Database;
let db: Database['db'];
let tree: string;
let socket: string;
let server: Server;
let now: Date;

/** Three connected hosts, and version 0.2.0 with serial 1 for them. */
beforeEach(async () => {
  opened = await openTestDatabase();
  database = opened.database;
  db = database.db;
  now = new Date();
  const folder = await temporaryFolder();
  [tree, socket] = [join(folder, 'tree'), join(folder, 'socket')];
  const keys = join(folder, 'keys');
  await mkdir(keys);
  await writeFile(join(keys, 'ours.pem'), OURS.pem);
  const updates = {
    ...{ folder: tree, keys, upstream: undefined, products: ['quantix-os'], channels: ['stable'] },
    ...{ architectures: ['x86_64'], limitGiB: 1 },
  };
  server = createApiServer({
    routes: updateRoutes({
      ...{ database, updates, mirrored: () => [], now: () => now },
      inTurn: (work) => work(),
    }),
    explain: () => undefined,
    onBug: (error) => {
      throw error;
    },
  });
  await bind(server, socket);
  for (const [at, id] of NODES.entries()) {
    const spec = { productVersion: '0.1.0' };
    await registerNode(db, { id, hostname: `host${at + 1}`, managementIp: null, spec });
    await setNodePhase(db, id, 'READY');
    await sql`
      INSERT INTO node_heartbeats (node_id, epoch, sequence, received_at) VALUES (${id}, 1, 1, ${now})`.execute(
      db,
    );
  }
  await released(tree, '0.2.0', { now });
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await opened[Symbol.asyncDispose]();
});

async function run(words: string, values: OperatorValues = {}, form: 'json' | 'text' = 'text') {
  const { text } = await operate('updates', words.split(' '), {
    ...{ form, values, socket, signal: new AbortController().signal },
    ...{ tell: () => undefined, print: async () => undefined, askLine: async () => undefined },
  });
  return text;
}
const start = async (values: OperatorValues = {}) =>
  fleetRolloutSchema.parse(JSON.parse(await run('start', values, 'json')));
const show = async ({ id }: Pick<FleetRollout, 'id'>) =>
  fleetRolloutSchema.parse(JSON.parse(await run(`show ${id}`, {}, 'json')));
const advance = () => db.transaction().execute((transaction) => advanceRollouts(transaction, now));
/** Returns the states of the hosts, in their order. */
const states = async (rollout: Pick<FleetRollout, 'id'>) =>
  (await show(rollout)).hosts.map(({ state }) => state);

/** Reports the outcome of a host's task. */
async function report(nodeId: string, error?: string): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    SELECT id FROM tasks WHERE node_id = ${nodeId} AND finished_at IS NULL`.execute(db);
  expect(rows).toHaveLength(1);
  const end =
    error === undefined
      ? { state: TaskState.DONE }
      : {
          state: TaskState.FAILED,
          error: { code: TaskErrorCode.CONFLICT, message: error },
        };
  const whole = create(TaskReportSchema, { taskId: rows[0]?.id ?? '', number: 9, ...end });
  await recordTaskReport(db, nodeId, whole, now);
}

describe('a roll-out', () => {
  test('proceeds from host to host, and is complete after the last', async () => {
    const rollout = await start();
    expect(rollout).toMatchObject({ version: '0.2.0', serial: 1, state: 'RUNNING', atOnce: 1 });
    expect(await states(rollout)).toEqual(['WAITING', 'WAITING', 'WAITING']);
    await advance();
    await advance();
    expect(await states(rollout)).toEqual(['UNDER_WAY', 'WAITING', 'WAITING']);
    const { rows } = await sql`SELECT verb, node_id, request FROM tasks`.execute(db);
    expect(rows).toMatchObject([
      {
        ...{ verb: 'updateHost', nodeId: ONE },
        request: { updateHost: { channel: 'stable', serial: '1', version: '0.2.0' } },
      },
    ]);
    for (const node of NODES) {
      await report(node);
      await advance();
    }
    expect(await show(rollout)).toMatchObject({ state: 'DONE', reason: '' });
    expect(await states(rollout)).toEqual(['DONE', 'DONE', 'DONE']);
    const text = await run('list');
    expect(text).toMatch(/quantix-os +stable +x86_64 +0\.2\.0 +1 +\d{4}-/);
    expect(text).toMatch(/0\.2\.0 +stable +x86_64 +\d\d:\d\d \(\d+ s ago\) +3 of 3 +done\n/);
    fleetUpdatesSchema.parse(JSON.parse(await run('list', {}, 'json')));
  });

  test('shows the progress of each host', async () => {
    const rollout = await start();
    await advance();
    const whole = create(TaskReportSchema, {
      taskId: (await show(rollout)).hosts[0]?.taskId ?? '',
      ...{ number: 2, state: TaskState.RUNNING, progressPercent: 37, message: 'downloads 0.2.0' },
    });
    await recordTaskReport(db, ONE, whole, now);
    const text = await run('show 0.2.0');
    expect(text).toMatch(
      /host1 +under way +0\.1\.0 +\d\d:\d\d \(\d+ s ago\) +37 %: downloads 0\.2\.0/,
    );
    expect(text).toMatch(/host2 +waiting +0\.1\.0/);
  });

  test('pauses with an alert when the first host fails, and resumes with that host or without it', async () => {
    const rollout = await start({ 'at-once': '2' });
    await advance();
    await report(ONE, 'the host went back');
    await advance();
    await report(TWO);
    await advance();
    expect(await show(rollout)).toMatchObject({
      ...{ state: 'PAUSED', reason: 'host1 failed: the host went back' },
    });
    expect(await states(rollout)).toEqual(['FAILED', 'DONE', 'WAITING']);
    expect(await listOpenAlerts(db)).toMatchObject([
      { severity: 'WARNING', message: 'quantix-os 0.2.0: host1 failed: the host went back' },
    ]);
    await run(`resume ${rollout.id}`);
    expect(await listOpenAlerts(db)).toEqual([]);
    await advance();
    expect(await states(rollout)).toEqual(['UNDER_WAY', 'DONE', 'UNDER_WAY']);
    await report(ONE, 'again');
    await report(THREE);
    await advance();
    await run('resume 0.2.0', { 'skip-failed': true });
    await advance();
    expect(await show(rollout)).toMatchObject({ state: 'DONE' });
    expect(await states(rollout)).toEqual(['SKIPPED', 'DONE', 'DONE']);
  });

  test('stops at its share of the hosts until the share is raised', async () => {
    const rollout = await start({ percent: '30' });
    await advance();
    await report(ONE);
    await advance();
    expect(await show(rollout)).toMatchObject({
      ...{ state: 'PAUSED', reason: '1 of 3 hosts have it, and no more may: 30 %' },
    });
    expect(await listOpenAlerts(db)).toEqual([]);
    await run('resume 0.2.0', { percent: '100' });
    await advance();
    expect(await states(rollout)).toEqual(['DONE', 'UNDER_WAY', 'WAITING']);
  });

  test('can be paused by an operator, while an update in progress continues', async () => {
    const rollout = await start();
    await advance();
    expect(await run('pause 0.2.0')).toMatch(/state +paused: \S+ said so/);
    for (const [words, state] of [
      ['resume 0.2.0', 'RUNNING'],
      ['pause 0.2.0', 'PAUSED'],
    ] as const) {
      const printed = JSON.parse(await run(words, {}, 'json'));
      expect(fleetRolloutSchema.parse(printed)).toMatchObject({ state });
    }
    await report(ONE);
    await advance();
    expect(await states(rollout)).toEqual(['DONE', 'WAITING', 'WAITING']);
    expect((await show(rollout)).state).toBe('PAUSED');
  });

  test('that an operator has paused raises an alert, too, if a host that was under way fails', async () => {
    const rollout = await start();
    await advance();
    await run('pause 0.2.0');
    await report(ONE, 'the host went back');
    await advance();
    expect(await show(rollout)).toMatchObject({ state: 'PAUSED' });
    expect(await listOpenAlerts(db)).toMatchObject([
      { message: expect.stringContaining('host1 failed: the host went back') },
    ]);
  });

  test('skips a host that is not connected, and excludes one that has left', async () => {
    await setNodePhase(db, ONE, 'DISCONNECTED');
    const rollout = await start();
    await departNode(db, { nodeId: TWO, how: 'LEFT', by: 'node', reason: '', now });
    await advance();
    expect(await states(rollout)).toEqual(['WAITING', 'SKIPPED', 'UNDER_WAY']);
    await report(THREE);
    await advance();
    expect((await show(rollout)).state).toBe('RUNNING');
    await setNodePhase(db, ONE, 'READY');
    await advance();
    expect(await states(rollout)).toEqual(['UNDER_WAY', 'SKIPPED', 'DONE']);
    await run('pause 0.2.0');
    await departNode(db, { nodeId: ONE, how: 'LEFT', by: 'node', reason: '', now });
    await advance();
    expect((await show(rollout)).state).toBe('DONE');
  });

  test('excludes hosts of another architecture, and reports them; hosts with an unknown one take part', async () => {
    const tells = async (id: string, architecture: string) => {
      const spec = { productVersion: '0.1.0', architecture };
      await sql`UPDATE nodes SET spec = ${JSON.stringify(spec)}::jsonb WHERE id = ${id}`.execute(
        db,
      );
    };
    await tells(ONE, 'arm64');
    await tells(TWO, 'x86_64');
    const rollout = await start();
    expect(await states(rollout)).toEqual(['SKIPPED', 'WAITING', 'WAITING']);
    expect(await run('show 0.2.0')).toMatch(
      /host1 +skipped .*it is arm64, and the release is for x86_64/,
    );
    await tells(THREE, 'arm64');
    await advance();
    expect(await states(rollout)).toEqual(['SKIPPED', 'UNDER_WAY', 'SKIPPED']);
    await report(TWO);
    await advance();
    expect(await show(rollout)).toMatchObject({ state: 'DONE', reason: '' });
  });

  test('excludes hosts of another base, and updates hosts with an unknown one last', async () => {
    const tells = async (id: string, base?: string) => {
      const spec = { productVersion: '0.1.0', architecture: 'x86_64', base };
      await sql`UPDATE nodes SET spec = ${JSON.stringify(spec)}::jsonb WHERE id = ${id}`.execute(
        db,
      );
    };
    await tells(ONE);
    await tells(TWO, 'alpine');
    await tells(THREE, 'debian');
    const rollout = await start();
    expect(rollout.base).toBe('debian');
    expect(rollout.hosts.map(({ state, fit }) => [state, fit])).toEqual([
      ['WAITING', 'UNKNOWN'],
      ['SKIPPED', 'OTHER'],
      ['WAITING', 'FITTING'],
    ]);
    const shown = await run('show 0.2.0');
    expect(shown).toMatch(/host2 +skipped .*it is made from alpine, and the release from debian/);
    expect(shown).toMatch(/host1 +waiting .*it does not tell what it is made from/);
    await advance();
    expect(await states(rollout)).toEqual(['WAITING', 'SKIPPED', 'UNDER_WAY']);
    await report(THREE);
    await advance();
    expect(await states(rollout)).toEqual(['UNDER_WAY', 'SKIPPED', 'DONE']);
  });

  test('leaves no alert open if it failed on a host, and another roll-out takes its place', async () => {
    const first = await start();
    await advance();
    await report(ONE, 'the host went back');
    await advance();
    expect(await listOpenAlerts(db)).toHaveLength(1);
    await released(tree, '0.3.0', { now });
    await start();
    expect(await show(first)).toMatchObject({ state: 'ENDED' });
    expect(await listOpenAlerts(db)).toEqual([]);
  });

  test('is the only active one; another can start while it is paused', async () => {
    const first = await start();
    await expect(start()).rejects.toThrow('a roll-out of quantix-os for x86_64 is under way');
    await advance();
    await run(`pause ${first.id}`);
    await expect(start()).rejects.toThrow('is under way');
    await report(ONE);
    await advance();
    await released(tree, '0.3.0', { now });
    const second = await start();
    expect(second).toMatchObject({ version: '0.3.0', serial: 2 });
    expect(await show(first)).toMatchObject({ state: 'ENDED', reason: '0.3.0 took its place' });
    await expect(run(`resume ${first.id}`)).rejects.toThrow('the roll-out of 0.2.0 is over');
    await expect(run(`pause ${first.id}`)).rejects.toThrow('the roll-out of 0.2.0 is over');
    await expect(run(`resume ${second.id}`)).rejects.toThrow('the roll-out of 0.3.0 is not paused');
  });
});

describe('no roll-out starts', () => {
  test('unless the release is here, complete, signed by a trusted key and not expired', async () => {
    await expect(run('start 0.9.0')).rejects.toThrow('is 0.2.0, not 0.9.0');
    await expect(start({ channel: 'beta' })).rejects.toThrow(
      'no release of quantix-os/beta/x86_64',
    );
    await expect(start({ arch: '../x' })).rejects.toThrow();
    now = new Date(now.getTime() + 31 * 86_400_000);
    await expect(start()).rejects.toThrow('the release 0.2.0 expired at');
    await rm(join(tree, 'images'), { recursive: true });
    await expect(start()).rejects.toThrow('the image of 0.2.0 is not here');
    await writeFile(join(tree, `${LINE.product}/stable/x86_64/release.json`), '{}');
    await expect(start()).rejects.toThrow('it is not a signed file');
    expect(await run('list')).toContain('it is not a signed file');
    expect(await run('list')).toContain('There was no roll-out.');
  });

  test('with wrong arguments', async () => {
    const wrong: [string, OperatorValues][] = [
      ['start', { percent: '0' }],
      ['start', { percent: '101' }],
      ['start', { 'at-once': 'all' }],
      ['start 1 2', {}],
      ['resume x', { percent: 'half' }],
      ['list', { percent: '10' }],
      ['begin', {}],
    ];
    for (const [words, values] of wrong) {
      await expect(run(words, values)).rejects.toThrow(UsageError);
    }
  });
});
