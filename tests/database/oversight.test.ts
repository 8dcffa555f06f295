import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fleetAlertSchema, fleetAlertsSchema } from '../../apps/api/alerts.ts';
import { auditVerdictSchema, fleetAuditSchema } from '../../apps/api/audit.ts';
import { fleetEventSchema, fleetEventsSchema } from '../../apps/api/events.ts';
import { operate } from '../../apps/control-plane/commands/operate.ts';
import {
  readReceiver,
  recordFailure,
} from '../../apps/control-plane/database/repositories/alert-receivers.ts';
import { raiseAlert } from '../../apps/control-plane/database/repositories/alerts.ts';
import {
  enterAudit,
  pruneAudit,
} from '../../apps/control-plane/database/repositories/audit-log.ts';
import { pruneEvents } from '../../apps/control-plane/database/repositories/events.ts';
import {
  registerNode,
  setNodePhase,
} from '../../apps/control-plane/database/repositories/nodes.ts';
import type { OperatorCommand, OperatorValues } from '../../apps/control-plane/operator/options.ts';
import { createOversightRoutes } from '../../apps/control-plane/operator/oversight-routes.ts';
import { bind } from '../../apps/http/bind.ts';
import { createApiServer } from '../../apps/http/server.ts';
import { UsageError } from '../../apps/process/command-line.ts';
import { type OpenTestDatabase, openTestDatabase } from './database.ts';

const ONE = '11111111-1111-8111-8111-111111111111';
const TWO = '22222222-2222-8222-8222-222222222222';

let opened: OpenTestDatabase;
let folder: string;
let socket: string;
let server: Server;
beforeAll(async () => {
  opened = await openTestDatabase();
  const { db } = opened.database;
  folder = await mkdtemp(join(tmpdir(), 'quantix-oversight-'));
  socket = join(folder, 'controlplane.sock');
  await serve();
  for (const [id, hostname] of [
    [ONE, 'alpha'],
    [TWO, 'beta'],
  ] as const) {
    await registerNode(db, { id, hostname, managementIp: null, spec: {} });
  }
  await setNodePhase(db, ONE, 'MAINTENANCE');
});
afterAll(async () => {
  await endServing();
  await opened[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Commands that print a list, and those of them whose list can begin after an item. */
const LISTS = ['events', 'audit', 'alerts'] as const;
const LISTS_AFTER = ['events', 'audit'] as const;

async function serve(): Promise<void> {
  server = createApiServer({
    routes: createOversightRoutes(opened),
    explain: () => undefined,
    onBug: (error) => {
      throw error;
    },
  });
  await bind(server, socket);
}

async function endServing(): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/** Runs a command of the operator. @returns what it prints, and its status */
async function run(
  command: OperatorCommand,
  words: string,
  values: OperatorValues = {},
  form: 'json' | 'text' = 'text',
): Promise<{ text: string; status: number }> {
  return await operate(command, words.split(' '), {
    ...{ form, values, socket, signal: new AbortController().signal },
    tell: () => undefined,
    print: async () => undefined,
    askLine: async () => undefined,
  });
}

describe('events', () => {
  test('are listed with their subject: all, or only those after a number, of one host or of one kind', async () => {
    const { text } = await run('events', 'list');
    expect(text).toMatch(/^EVENT +WHEN +KIND +WHAT$/m);
    expect(text).toMatch(/^1 +.* node\.joined +alpha +phase /m);
    expect(text).toMatch(/^3 +.* node\.phase +alpha +phase MAINTENANCE, before /m);
    const ids = async (values: OperatorValues) => {
      const { text: told } = await run('events', 'list', values, 'json');
      const { events, ...bounds } = fleetEventsSchema.parse(JSON.parse(told));
      expect(bounds).toEqual({ last: 3, resumableFrom: 0 });
      return events.map(({ id }) => id);
    };
    expect(await ids({ after: '1' })).toEqual([2, 3]);
    expect(await ids({ after: '1', limit: '1' })).toEqual([2]);
    expect(await ids({ limit: '1' })).toEqual([3]);
    expect(await ids({ node: 'beta' })).toEqual([2]);
    expect(await ids({ kind: 'node.phase' })).toEqual([3]);
    expect((await run('events', 'list', { after: '3' })).text).toBe('There is no such event.\n');
  });

  test.each([
    ['no number', { after: '-1' }, '--after "-1" is not a number'],
    ['a number beyond all', { after: '99999999999999999999' }, 'is not a number'],
    ['more than there is in an answer', { limit: '1001' }, '--limit 1001 is not from 1 to 1000'],
    ['none', { limit: '0' }, '--limit 0 is not from 1 to 1000'],
    ['an empty number', { limit: '' }, '--limit "" is not a number'],
  ])('%s is a wrong call of each list', async (_what, values, told) => {
    for (const command of 'after' in values ? LISTS_AFTER : LISTS) {
      const called = run(command, 'list', values);
      await expect(called).rejects.toThrow(UsageError);
      await expect(called).rejects.toThrow(told);
    }
  });

  test('a host that does not exist is refused', async () => {
    const called = run('events', 'list', { node: 'gamma' });
    await expect(called).rejects.toThrow('there is no node "gamma"');
  });
});

describe('alerts', () => {
  test('are acknowledged and cleared with the name of the operator, and their receivers are listed', async () => {
    const { db } = opened.database;
    expect((await run('alerts', 'list')).text).toBe('There is no such alert.\n');
    const { id } = await raiseAlert(db, {
      ...{ severity: 'CRITICAL', title: 'It burns', message: 'badly\u001b[2J' },
      ...{ sourceType: 'HOST', sourceId: ONE, sourceName: 'alpha' },
    });
    await readReceiver(db, 'pager');
    await recordFailure(db, 'pager', { why: 'connect ECONNREFUSED', at: new Date() });
    const { text } = await run('alerts', 'list');
    expect(text).toMatch(
      new RegExp(`^${id.slice(0, 8)} +CRITICAL +.* It burns: alpha +open +badly\\?\\[2J$`, 'm'),
    );
    expect(text).toMatch(/^pager +never +\d+ +0 +since .*: connect ECONNREFUSED$/m);
    expect((await run('alerts', `acknowledge ${id.slice(0, 8)}`)).text).toMatch(
      /^It burns: alpha: seen by \S+\n$/,
    );
    const seen = await run('alerts', `acknowledge ${id}`, {}, 'json');
    expect(fleetAlertSchema.parse(JSON.parse(seen.text))).toMatchObject({ id });
    expect((await run('alerts', `clear ${id}`)).text).toMatch(/^It burns: alpha: cleared /);
    const json = async (values: OperatorValues) =>
      fleetAlertsSchema.parse(JSON.parse((await run('alerts', 'list', values, 'json')).text))
        .alerts;
    expect(await json({})).toEqual([]);
    expect(await json({ all: true })).toMatchObject([{ id, severity: 'CRITICAL' }]);
    await expect(run('alerts', 'clear ffffffff')).rejects.toThrow('there is no alert "ffffffff"');
    const actions = (await run('audit', 'list', { action: 'alert' })).text;
    expect(actions).toMatch(/alert\.acknowledge +It burns +success$/m);
    expect(actions).toMatch(/alert\.clear +It burns +success$/m);
  });
});

describe('the audit log', () => {
  test('is listed page by page, and verified; changed and removed entries are found', async () => {
    const { db } = opened.database;
    for (const action of ['x.one', 'x.two', 'x.three']) {
      await enterAudit(db, { action, username: 'ada', ipAddress: '192.0.2.7', status: 'failure' });
    }
    const { text } = await run('audit', 'list', { user: 'ada', limit: '2' });
    expect(text).not.toContain('x.one');
    expect(text).toMatch(/ada +192\.0\.2\.7 +x\.two +- +failure$/m);
    expect(text).toMatch(/There are more/);
    const listed = await run('audit', 'list', { user: 'ada', limit: '2' }, 'json');
    expect(fleetAuditSchema.parse(JSON.parse(listed.text))).toMatchObject({
      ...{ entries: [{ action: 'x.two' }, { action: 'x.three' }], more: true },
    });
    const whole = await run('audit', 'verify');
    expect(whole).toMatchObject({ status: 0 });
    const [, head = ''] =
      /^The audit log is whole: \d+ entries\.\nhead (\d+:[0-9a-f]{64})\n$/.exec(whole.text) ?? [];
    expect(await run('audit', 'verify', { head })).toMatchObject({ status: 0 });
    await expect(run('audit', 'verify', { head: 'x' })).rejects.toThrow('is no head');
    const superuser = new Client({
      ...{ host: opened.address.socketFolder, user: 'postgres' },
      database: opened.address.database,
    });
    await superuser.connect();
    await superuser.query("SET session_replication_role = 'replica'");
    await superuser.query("UPDATE audit_log SET username = 'bob' WHERE action = 'x.two'");
    await superuser.query("DELETE FROM audit_log WHERE action = 'x.three'");
    await superuser.end();
    const broken = await run('audit', 'verify');
    expect(broken.status).toBe(1);
    expect(broken.text).toMatch(/^entry \d+ was changed\nentry \d+ was removed\nhead /);
    const json = await run('audit', 'verify', {}, 'json');
    expect(json.status).toBe(1);
    expect(auditVerdictSchema.parse(JSON.parse(json.text)).findings).toHaveLength(2);
  });

  test('is reported with the last entry removed for its age, and a noted head before that cannot be checked', async () => {
    const { db } = opened.database;
    await enterAudit(db, { action: 'y.one' });
    const before = new Date(Date.now() + 2 * 86_400_000);
    await db
      .transaction()
      .execute((transaction) => pruneAudit(transaction, { before, most: 9999 }));
    const { text } = await run('audit', 'verify');
    expect(text).toMatch(/^Entries 1 to \d+ were removed for their age\.\nhead \d+:/m);
    const head = `1:${'0'.repeat(64)}`;
    await expect(run('audit', 'verify', { head })).rejects.toThrow(
      /entry 1 was removed for its age\. All entries up to \d+ were removed: note the present head/,
    );
  });
});

describe('events are followed', () => {
  /** Begins to follow events. @returns the printed events, the reported problems, and a function that ends it */
  const follow = (values: OperatorValues, form: 'json' | 'text' = 'text') => {
    const [printed, silent]: [string[], string[]] = [[], []];
    const ending = new AbortController();
    const ended = operate('events', ['follow'], {
      ...{ form, values, socket, signal: ending.signal },
      tell: (text) => silent.push(text),
      print: async (text) => void printed.push(text),
      askLine: async () => undefined,
    });
    return { printed, silent, ended, end: () => ending.abort() };
  };
  const register = (hostname: string) =>
    registerNode(opened.database.db, { id: randomUUID(), hostname, managementIp: null, spec: {} });
  const WAITING = { timeout: 60_000, interval: 50 };

  test('from a given number on, until the requested count is reached', async () => {
    const { printed, ended } = follow({ after: '1', limit: '2' });
    expect(await ended).toEqual({ text: '', status: 0 });
    expect(printed).toEqual([
      expect.stringMatching(/^2 {2}\d{4}-.*Z {2}node\.joined {2}beta {2}phase PENDING/),
      expect.stringMatching(/^3 {2}.* {2}node\.phase {2}alpha {2}phase MAINTENANCE, before /),
    ]);
  });

  test('from now on, each event once also across a restart of the control plane, until the command is ended', async () => {
    const { printed, silent, ended, end } = follow({ kind: 'node' }, 'json');
    const names = () =>
      printed.map((line) => fleetEventSchema.parse(JSON.parse(line)).subject.name);
    // It is unknown when the command begins to listen: hosts join until an event is printed.
    for (let count = 0; printed.length === 0; count += 1) {
      await register(`early${count}`);
      await new Promise((done) => setTimeout(done, 100));
    }
    await endServing();
    await vi.waitFor(() => expect(silent.join('')).toContain('is not running'), WAITING);
    await register('meanwhile');
    await serve();
    await register('after');
    await vi.waitFor(() => expect(names()).toContain('after'), WAITING);
    const ids = printed.map((line) => fleetEventSchema.parse(JSON.parse(line)).id);
    expect(ids).toEqual(ids.map((_, index) => (ids[0] ?? 0) + index));
    expect(names().slice(-2)).toEqual(['meanwhile', 'after']);
    // A request that is interrupted by the end of the control plane fails for another reason than a later one; each
    // reason is reported once.
    expect(new Set(silent).size).toBe(silent.length);
    end();
    expect(await ended).toMatchObject({ status: 0 });
  });

  test('a starting number that is pruned or not yet given is reported', async () => {
    const { db } = opened.database;
    await run('events', 'list');
    const gone = await db
      .transaction()
      .execute((transaction) =>
        pruneEvents(transaction, { keep: 1, before: new Date(0), most: 10_000 }),
      );
    expect(gone).toBeGreaterThan(2);
    const text = follow({ after: '1', limit: '1' });
    await text.ended;
    expect(text.printed).toEqual([
      expect.stringMatching(/^Some events after 1, up to \d+, no longer exist/),
      expect.stringMatching(/^\d+ /),
    ]);
    const json = follow({ after: '1', limit: '1' }, 'json');
    await json.ended;
    const [gap, event] = json.printed.map((line) => JSON.parse(line));
    expect(gap).toEqual({ gap: { after: 1, to: event.id - 1 } });
    const early = follow({ after: '999999', limit: '1' });
    await vi.waitFor(() => expect(early.printed).toHaveLength(1), WAITING);
    expect(early.printed[0]).toBe(`There is no event 999999 yet: continuing after ${event.id}.\n`);
    await register('gamma');
    await early.ended;
    expect(early.printed[1]).toMatch(/ node\.joined {2}gamma /);
  });

  test('a control plane that does not run, or an invalid number, is reported at once', async () => {
    await endServing();
    await expect(follow({}).ended).rejects.toThrow('is not running');
    await serve();
    await expect(follow({ after: 'x' }).ended).rejects.toThrow('--after "x" is not a number');
    await expect(follow({ limit: '0' }).ended).rejects.toThrow('--limit 0 prints');
  });
});

test.each([
  ['events', 'show', 'events is followed by list or follow'],
  ['alerts', 'raise', 'alerts is followed by list, acknowledge or clear'],
  ['audit', 'remove', 'audit is followed by list or verify'],
] as const)('%s knows no %s', async (command, words, told) => {
  await expect(run(command, words)).rejects.toThrow(told);
});

test('an option of another command is refused', async () => {
  await expect(run('events', 'list', { head: '1' })).rejects.toThrow(
    '--head is not an option of events list',
  );
});
