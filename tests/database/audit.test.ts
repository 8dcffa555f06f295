import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  enterAudit,
  listAudit,
  verifyAudit,
} from '../../apps/control-plane/database/repositories/audit-log.ts';
import { type OpenTestDatabase, openTestDatabase } from './database.ts';

let made: OpenTestDatabase;
/** The superuser, who can do what the program cannot. */
let superuser: Client;
beforeAll(async () => {
  made = await openTestDatabase();
  const { socketFolder, database } = made.address;
  superuser = new Client({ host: socketFolder, user: 'postgres', database });
  await superuser.connect();
});
afterAll(async () => {
  await superuser.end();
  await made[Symbol.asyncDispose]();
});

/** Changes the log behind the program’s back: no trigger notices. */
async function tamper(...statements: string[]): Promise<void> {
  await superuser.query("SET session_replication_role = 'replica'");
  for (const statement of statements) await superuser.query(statement);
  await superuser.query("SET session_replication_role = 'origin'");
}

/** Puts an entry in whose own hash is right. @param follows number of the entry that it says it follows */
const forge = (sequence: number, follows: number) => `
  WITH forged AS (
    SELECT (jsonb_populate_record(NULL::audit_log, to_jsonb(last) || jsonb_build_object(
      'sequence', ${sequence}, 'id', gen_random_uuid(), 'action', 'forged'))).*
    FROM audit_log AS last WHERE sequence = ${follows}
  )
  INSERT INTO audit_log
  SELECT (jsonb_populate_record(NULL::audit_log, to_jsonb(forged) || jsonb_build_object(
    'previous_hash', before.hash, 'hash', sha256(before.hash || audit_log_content(forged::text::audit_log))))).*
  FROM forged, audit_log AS before WHERE before.sequence = ${follows}`;

beforeEach(async () => {
  await tamper('TRUNCATE audit_log', `UPDATE audit_log_head SET sequence = 0, hash = '\\x'`);
  for (const action of ['a.one', 'b.two', 'c.three', 'd.four', 'e.five']) {
    await enterAudit(made.database.db, { action, username: 'ada', ipAddress: '192.0.2.7' });
  }
});

const findings = async () => (await verifyAudit(made.database.db)).findings;

describe('the chain of the audit log', () => {
  test('is whole as the program writes it, and tells its head', async () => {
    const [last] = await listAudit(made.database.db, { limit: 1 });
    expect(await verifyAudit(made.database.db)).toEqual({
      entries: 5,
      head: { sequence: 5, hash: last?.hash.toString('hex') },
      findings: [],
    });
  });

  test.each([
    ['says something else', `UPDATE audit_log SET username = 'bob' WHERE sequence = 3`],
    [
      'has another time',
      `UPDATE audit_log SET created_at = now() - interval '1s' WHERE sequence = 3`,
    ],
    ['has another result', `UPDATE audit_log SET status = 'failure' WHERE sequence = 3`],
    ['came from elsewhere', `UPDATE audit_log SET ip_address = NULL WHERE sequence = 3`],
  ])('finds an entry that %s', async (_how, statement) => {
    await tamper(statement);
    expect(await findings()).toEqual([{ what: 'changed', from: 3, to: 3 }]);
  });

  test('finds an entry whose hash was counted anew by the one that follows it', async () => {
    await tamper(
      `UPDATE audit_log SET username = 'bob' WHERE sequence = 3`,
      `UPDATE audit_log AS entry SET hash = sha256(previous_hash || audit_log_content(entry)) WHERE sequence = 3`,
    );
    expect(await findings()).toEqual([{ what: 'unlinked', from: 4, to: 4 }]);
  });

  test.each([
    ['in the middle', 'sequence IN (2, 3)', { what: 'removed', from: 2, to: 3 }],
    ['at the beginning', 'sequence = 1', { what: 'removed', from: 1, to: 1 }],
    ['at the end', 'sequence >= 4', { what: 'removed', from: 4, to: 5 }],
    ['everywhere', 'true', { what: 'removed', from: 1, to: 5 }],
  ])('finds entries removed %s', async (_where, condition, finding) => {
    await tamper(`DELETE FROM audit_log WHERE ${condition}`);
    expect(await findings()).toEqual([finding]);
  });

  test('finds an entry that was put at the end, though it follows the last one', async () => {
    await tamper(forge(6, 5));
    expect(await findings()).toEqual([{ what: 'inserted', from: 6, to: 6 }]);
  });

  test('finds an entry that was put between two, which had to be numbered anew', async () => {
    await tamper(
      'UPDATE audit_log SET sequence = sequence + 100 WHERE sequence >= 3',
      forge(3, 2),
      'UPDATE audit_log SET sequence = sequence - 99 WHERE sequence > 100',
      'UPDATE audit_log_head SET sequence = 6',
    );
    const found = await findings();
    expect(found[0]).toEqual({ what: 'inserted', from: 3, to: 3 });
    expect(found.slice(1)).toEqual(
      [4, 5, 6].map((sequence) => ({ what: 'changed', from: sequence, to: sequence })),
    );
  });

  test('a head that was noted proves what a chain that was counted anew as a whole hides', async () => {
    const { head } = await verifyAudit(made.database.db);
    await enterAudit(made.database.db, { action: 'f.six' });
    expect((await verifyAudit(made.database.db, head)).findings).toEqual([]);
    await tamper(
      'DELETE FROM audit_log WHERE sequence >= 5',
      `UPDATE audit_log_head SET (sequence, hash) = (SELECT sequence, hash FROM audit_log WHERE sequence = 4)`,
    );
    await enterAudit(made.database.db, { action: 'another' });
    expect(await findings()).toEqual([]);
    expect((await verifyAudit(made.database.db, head)).findings).toEqual([
      { what: 'changed', from: 5, to: 5 },
    ]);
  });

  test.each([
    'UPDATE audit_log SET username = NULL',
    'DELETE FROM audit_log',
    'TRUNCATE audit_log',
  ])('the program itself may not: %s', async (statement) => {
    const { socketFolder, database, user } = made.address;
    await using stack = new AsyncDisposableStack();
    const program = new Client({ host: socketFolder, database, user });
    await program.connect();
    stack.defer(() => program.end());
    await expect(program.query(statement)).rejects.toThrow('permission denied for table audit_log');
    // Its owner may give itself the right again.
    await program.query('GRANT UPDATE, DELETE, TRUNCATE ON audit_log TO CURRENT_USER');
    stack.defer(async () => {
      await program.query('REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM CURRENT_USER');
    });
    await expect(program.query(statement)).rejects.toThrow('audit_log is append-only');
  });
});

describe('entries', () => {
  const sequences = async (choice: Parameters<typeof listAudit>[1]) =>
    (await listAudit(made.database.db, choice)).map(({ sequence }) => sequence);

  test('are read page by page, forwards and backwards, by what is wanted', async () => {
    await enterAudit(made.database.db, { action: 'a.one', username: 'bob', status: 'failure' });
    expect(await sequences({ after: 0, limit: 2 })).toEqual([1, 2]);
    expect(await sequences({ after: 2, limit: 2 })).toEqual([3, 4]);
    expect(await sequences({ limit: 2 })).toEqual([5, 6]);
    expect(await sequences({ before: 5, limit: 2 })).toEqual([3, 4]);
    expect(await sequences({ limit: 9, filter: { action: 'a' } })).toEqual([1, 6]);
    expect(await sequences({ limit: 9, filter: { action: 'a.o' } })).toEqual([]);
    expect(await sequences({ limit: 9, filter: { username: 'bob' } })).toEqual([6]);
    expect(await sequences({ limit: 9, filter: { result: 'failure' } })).toEqual([6]);
    expect(await sequences({ limit: 9, filter: { until: new Date(0) } })).toEqual([]);
  });
});
