import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  enterAudit,
  listAudit,
  pruneAudit,
  verifyAudit,
} from '../../apps/control-plane/database/repositories/audit-log.ts';
import { type OpenTestDatabase, openTestDatabase } from './database.ts';

let made: OpenTestDatabase;
/** The superuser, who has rights that the program lacks. */
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

/** Changes the log without running its triggers. */
async function tamper(...statements: string[]): Promise<void> {
  await superuser.query("SET session_replication_role = 'replica'");
  for (const statement of statements) await superuser.query(statement);
  await superuser.query("SET session_replication_role = 'origin'");
}

/**
 * Returns SQL that inserts an entry with a correct hash.
 * @param follows number of the entry that it names as its predecessor
 */
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

/** Connects with the program's account. */
async function connectedProgram(stack: AsyncDisposableStack): Promise<Client> {
  const { socketFolder, database, user } = made.address;
  const program = new Client({ host: socketFolder, database, user });
  await program.connect();
  stack.defer(() => program.end());
  return program;
}

beforeEach(async () => {
  await tamper(
    'TRUNCATE audit_log',
    `UPDATE audit_log_head SET sequence = 0, hash = '\\x'`,
    `UPDATE audit_log_anchor SET sequence = 0, hash = '\\x'`,
  );
  for (const action of ['a.one', 'b.two', 'c.three', 'd.four', 'e.five']) {
    await enterAudit(made.database.db, { action, username: 'ada', ipAddress: '192.0.2.7' });
  }
});

const findings = async () => (await verifyAudit(made.database.db)).findings;

describe('the chain of the audit log', () => {
  test('verifies as the program writes it, and its head is reported', async () => {
    const [last] = await listAudit(made.database.db, { limit: 1 });
    expect(await verifyAudit(made.database.db)).toEqual({
      entries: 5,
      anchor: { sequence: 0, hash: '' },
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

  test('finds a changed entry with a recomputed hash by the entry that follows', async () => {
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

  test('finds an entry appended by somebody else, although it links to the last one', async () => {
    await tamper(forge(6, 5));
    expect(await findings()).toEqual([{ what: 'inserted', from: 6, to: 6 }]);
  });

  test('finds an entry inserted between two others, although the later ones were renumbered', async () => {
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

  test('a noted head proves tampering even if the whole chain was recomputed', async () => {
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
    'TRUNCATE audit_log',
    'TRUNCATE audit_log_anchor',
    'DELETE FROM audit_log_anchor',
  ])('the database denies the program itself: %s', async (statement) => {
    const table = statement.includes('anchor') ? 'audit_log_anchor' : 'audit_log';
    await using stack = new AsyncDisposableStack();
    const program = await connectedProgram(stack);
    await expect(program.query(statement)).rejects.toThrow(`permission denied for table ${table}`);
    if (table !== 'audit_log') return;
    // The program owns the table, so it can grant itself the right again.
    await program.query('GRANT UPDATE, TRUNCATE ON audit_log TO CURRENT_USER');
    stack.defer(async () => {
      await program.query('REVOKE UPDATE, TRUNCATE ON audit_log FROM CURRENT_USER');
    });
    await expect(program.query(statement)).rejects.toThrow('audit_log is append-only');
  });

  test('the program itself can remove entries only before the anchor, and cannot place the anchor anywhere else', async () => {
    await using stack = new AsyncDisposableStack();
    const program = await connectedProgram(stack);
    const move = (sequence: number, hash: string) =>
      program.query(`UPDATE audit_log_anchor SET sequence = ${sequence}, hash = ${hash}`);
    const hashOf = (sequence: number) =>
      `(SELECT hash FROM audit_log WHERE sequence = ${sequence})`;
    await expect(program.query('DELETE FROM audit_log')).rejects.toThrow('append-only');
    await expect(move(3, "'\\x00'")).rejects.toThrow('the audit log begins elsewhere');
    await expect(move(9, hashOf(5))).rejects.toThrow('the audit log begins elsewhere');
    await move(2, hashOf(2));
    await expect(move(1, hashOf(1))).rejects.toThrow('the audit log begins elsewhere');
    await expect(program.query('DELETE FROM audit_log WHERE sequence < 4')).rejects.toThrow(
      'append-only',
    );
    // The move of the anchor is itself recorded.
    const [last] = await listAudit(made.database.db, { limit: 1 });
    expect(last).toMatchObject({ action: 'audit.pruned', details: { from: 1, through: 2 } });
  });
});

describe('the audit log without its oldest entries', () => {
  const DAY = 86_400_000;

  /** Removes entries older than some days. @returns their number */
  const prune = (days: number, most = 100) =>
    made.database.db
      .transaction()
      .execute((transaction) =>
        pruneAudit(transaction, { before: new Date(Date.now() - days * DAY), most }),
      );

  /** Makes entries 1 to 5 five to one days old, with correct hashes. */
  beforeEach(async () => {
    await tamper(
      `UPDATE audit_log SET created_at = now() - make_interval(days => 6 - sequence::int)`,
      ...[1, 2, 3, 4, 5].map(
        (one) => `
        UPDATE audit_log AS entry SET previous_hash = coalesce(before.hash, '\\x'),
          hash = sha256(coalesce(before.hash, '\\x') || audit_log_content(entry))
        FROM (SELECT (SELECT hash FROM audit_log WHERE sequence = ${one - 1}) AS hash) AS before
        WHERE sequence = ${one}`,
      ),
      'UPDATE audit_log_head SET hash = (SELECT hash FROM audit_log WHERE sequence = 5)',
    );
    expect(await findings()).toEqual([]);
  });

  test('verifies, begins after the last removed entry, and has an entry about the removal', async () => {
    expect(await prune(3.5)).toBe(2);
    const entries = await listAudit(made.database.db, { limit: 100 });
    expect(entries.map(({ sequence, action }) => [sequence, action])).toEqual([
      [3, 'c.three'],
      [4, 'd.four'],
      [5, 'e.five'],
      [6, 'audit.pruned'],
    ]);
    const hash = entries[0]?.previousHash.toString('hex');
    expect(entries[3]?.details).toEqual({ from: 1, through: 2, hash });
    expect(await verifyAudit(made.database.db)).toMatchObject({
      ...{ entries: 4, anchor: { sequence: 2, hash }, head: { sequence: 6 }, findings: [] },
    });
    await enterAudit(made.database.db, { action: 'f.six' });
    expect(await findings()).toEqual([]);
  });

  test('removes entries at most once a day, in batches, and never one younger than the limit', async () => {
    expect(await prune(6)).toBe(0);
    expect(await prune(4.5)).toBe(0);
    expect(await prune(1.5, 3)).toBe(3);
    expect(await prune(1.5, 3)).toBe(0);
    expect(await prune(0.1, 3)).toBe(2);
    expect(await findings()).toEqual([]);
  });

  test('an old entry that follows a younger one is kept', async () => {
    await enterAudit(made.database.db, { action: 'young' });
    await tamper('UPDATE audit_log SET created_at = now() WHERE sequence = 2');
    expect(await prune(1.5)).toBe(1);
    const [first] = await listAudit(made.database.db, { after: 0, limit: 1 });
    expect(first?.sequence).toBe(2);
  });

  test.each([
    [
      'changed right after the anchor',
      [`UPDATE audit_log SET username = 'bob' WHERE sequence = 3`],
      [{ what: 'changed', from: 3, to: 3 }],
    ],
    [
      'removed right after the anchor',
      ['DELETE FROM audit_log WHERE sequence = 3'],
      [{ what: 'removed', from: 3, to: 3 }],
    ],
    [
      'put in before the anchor',
      [
        `INSERT INTO audit_log SELECT (jsonb_populate_record(NULL::audit_log, to_jsonb(old) ||
          '{"sequence": 2, "id": "11111111-1111-4111-8111-111111111111"}')).* FROM audit_log AS old WHERE sequence = 3`,
      ],
      [{ what: 'inserted', from: 2, to: 2 }],
    ],
    [
      'removed by moving the anchor by hand',
      [
        'UPDATE audit_log_anchor SET (sequence, hash) = (SELECT sequence, hash FROM audit_log WHERE sequence = 4)',
        'DELETE FROM audit_log WHERE sequence <= 4',
      ],
      [{ what: 'removed', from: 1, to: 4 }],
    ],
    [
      'replaced at the anchor',
      [`UPDATE audit_log_anchor SET hash = '\\x00'`],
      [
        { what: 'unlinked', from: 3, to: 3 },
        { what: 'removed', from: 1, to: 2 },
      ],
    ],
    [
      'all removed, with an anchor that is set back',
      ['DELETE FROM audit_log', `UPDATE audit_log_anchor SET sequence = 0, hash = '\\x'`],
      [{ what: 'removed', from: 1, to: 6 }],
    ],
  ])('tampering is found: %s', async (_what, statements, found) => {
    expect(await prune(3.5)).toBe(2);
    await tamper(...statements);
    expect(await findings()).toEqual(found);
  });

  test('still matches a noted head, as long as that entry or the anchor exists', async () => {
    const heads = (await listAudit(made.database.db, { limit: 5 })).map(({ sequence, hash }) => ({
      ...{ sequence, hash: hash.toString('hex') },
    }));
    expect(await prune(3.5)).toBe(2);
    for (const head of heads) {
      expect((await verifyAudit(made.database.db, head)).findings).toEqual([]);
      const other = { ...head, hash: '00' };
      expect((await verifyAudit(made.database.db, other)).findings).toEqual(
        head.sequence < 2 ? [] : [{ what: 'changed', from: head.sequence, to: head.sequence }],
      );
    }
  });
});

describe('entries', () => {
  const sequences = async (choice: Parameters<typeof listAudit>[1]) =>
    (await listAudit(made.database.db, choice)).map(({ sequence }) => sequence);

  test('are read page by page, forwards and backwards, with filters', async () => {
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
