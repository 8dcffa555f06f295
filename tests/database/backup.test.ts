import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  access,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  rmdir,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { sql } from 'kysely';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type ArchiveContent,
  type Manifest,
  openArchive,
  writeArchive,
} from '../../apps/control-plane/backup/archive.ts';
import { beginGeneration } from '../../apps/control-plane/backup/generation.ts';
import { readBackupFiles } from '../../apps/control-plane/backup/make-backup.ts';
import { NightlyBackups } from '../../apps/control-plane/backup/nightly.ts';
import { finishRestore, restoreBackup } from '../../apps/control-plane/backup/restore.ts';
import { switchFolders } from '../../apps/control-plane/backup/switch.ts';
import { parseConfig } from '../../apps/control-plane/config.ts';
import { openDatabase } from '../../apps/control-plane/database/database.ts';
import { migrateUp } from '../../apps/control-plane/database/migrate.ts';
import { listOpenAlerts } from '../../apps/control-plane/database/repositories/alerts.ts';
import { listAudit } from '../../apps/control-plane/database/repositories/audit-log.ts';
import {
  numberEvents,
  readEventBounds,
  writeEvent,
} from '../../apps/control-plane/database/repositories/events.ts';
import * as tokens from '../../apps/control-plane/database/repositories/join-tokens.ts';
import { enterLeader } from '../../apps/control-plane/database/repositories/leadership.ts';
import {
  findNode,
  readStanding,
  registerNode,
} from '../../apps/control-plane/database/repositories/nodes.ts';
import * as sessions from '../../apps/control-plane/database/repositories/sessions.ts';
import { createTask, findTask } from '../../apps/control-plane/database/repositories/tasks.ts';
import { createUser } from '../../apps/control-plane/database/repositories/users.ts';
import { ControlPlaneError } from '../../apps/control-plane/error.ts';
import { openAuthority } from '../../apps/control-plane/trust/authority.ts';
import { startPostgresql } from '../../tasks/control-plane/postgresql.ts';
import { Random } from '../fuzz/random.ts';
import {
  addressOf,
  MIGRATIONS,
  makeDatabase,
  openTestDatabase,
  SILENT,
  type TestDatabase,
  withSuperuser,
} from './database.ts';
import { CONTROL_PLANE_DOCUMENT, readCommands } from './document.ts';
import { cutPower, inFolder } from './power.ts';

const PROGRAM = resolve(import.meta.dirname, '../../apps/qx.ts');
/** Milliseconds: each call of the program starts Node and derives a key, on a machine that may be busy. */
const TIMEOUT = 300_000;
const PASSPHRASE = 'correct horse battery';

const ONE = '11111111-1111-8111-8111-111111111111';
const LATER = '22222222-2222-8222-8222-222222222222';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quantix-backup-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A machine with a control plane's database and files, but without running programs. */
class Site implements AsyncDisposable {
  readonly made: TestDatabase;
  readonly folder: string;

  constructor(made: TestDatabase, below: string) {
    this.made = made;
    this.folder = join(below, made.address.database);
  }

  get configFile(): string {
    return join(this.folder, 'config.yaml');
  }

  get authorityFile(): string {
    return join(this.folder, 'ca.pem');
  }

  configText(note = ''): string {
    const { socketFolder, database } = this.made.address;
    const config = {
      database: { socketFolder, database, migrations: MIGRATIONS },
      authority: this.authorityFile,
      backup: {
        folder: this.folder,
        passphrase: join(this.folder, 'passphrase'),
      },
      agents: { port: 0 },
    };
    return `${note}${JSON.stringify(config)}\n`;
  }

  config() {
    return parseConfig(this.configText(), this.configFile);
  }

  async call(...args: string[]) {
    const command = [PROGRAM, 'qx-controlplane', ...args, '--config', this.configFile];
    return await execa(process.execPath, command, { reject: false });
  }

  async with<T>(work: (db: ReturnType<typeof openDatabase>) => Promise<T>): Promise<T> {
    const database = openDatabase(this.made.address, { open: 2, idle: 0 }, SILENT);
    try {
      return await work(database);
    } finally {
      await database.close();
    }
  }

  /**
   * Lists the databases whose names begin with the name of this site's database. @returns what follows in each name;
   *   empty for the database itself
   */
  async databases(): Promise<string[]> {
    return await withSuperuser(this.made.address.socketFolder, async (client: Client) => {
      const { rows } = await client.query<{ datname: string }>(
        'SELECT datname FROM pg_database WHERE datname LIKE $1 ORDER BY 1',
        [`${this.made.address.database}%`],
      );
      return rows.map(({ datname }) => datname.slice(this.made.address.database.length));
    });
  }

  /** Removes the databases that a restore left, too. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { socketFolder, database } = this.made.address;
    const rest = (await this.databases()).filter((name) => name !== '');
    await withSuperuser(socketFolder, async (client) => {
      for (const name of rest) await client.query(`DROP DATABASE ${database}${name} (FORCE)`);
    });
    await this.made[Symbol.asyncDispose]();
  }
}

/** Makes a site, with a database of the shared server unless another one is given. */
async function makeSite(made?: TestDatabase, below = folder): Promise<Site> {
  const site = new Site(made ?? (await makeDatabase('migrated')), below);
  await mkdir(site.folder, { recursive: true });
  await writeFile(site.configFile, site.configText());
  await writeFile(join(site.folder, 'passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 });
  await openAuthority(site.authorityFile);
  return site;
}

const node = (id: string) => ({ id, hostname: `host-${id[0]}`, managementIp: null, spec: {} });
const DAY = 86_400_000;

test('restoring a backup brings back database, certificate authority and configuration, and begins a new generation', {
  timeout: TIMEOUT,
}, async () => {
  await using site = await makeSite();
  const before = await site.with(async (database) => {
    const { db } = database;
    await registerNode(db, node(ONE));
    const expiresAt = new Date(Date.now() + DAY);
    const request = { description: 'rack 1', createdBy: 'ada', maxUses: 1, expiresAt };
    const { secret } = await tokens.createJoinToken(db, request);
    const verb = {
      case: 'startVm',
      value: { $typeName: 'quantix.v1.StartVm', vmId: ONE },
    } as const;
    const task = await createTask(db, {
      ...{ nodeId: ONE, verb, requestedBy: 'ada', objectName: 'web', expiresAt },
    });
    const epoch = await enterLeader(database, { epoch: 7, holder: 'this program' });
    const user = await createUser(db, { username: 'ada' });
    const address = '192.0.2.1';
    const session = await sessions.beginSession(db, {
      ...{ userId: user.id, address, network: address, userAgent: '', now: new Date() },
    });
    return { secret, task, epoch, session };
  });
  const authority = await readFile(site.authorityFile, 'utf8');
  const backup = join(site.folder, 'one.backup');
  const made = await site.call('backup', backup);
  expect(made.stderr).toBe('');
  expect(made.stdout).toContain(`${backup}: 1 hosts, 0 virtual machines`);
  expect((await stat(backup)).mode & 0o777).toBe(0o600);
  expect((await readFile(backup)).includes('PRIVATE KEY')).toBe(false);
  const again = await site.call('backup', backup);
  expect(again.stderr).toContain(`there is a file of this name already (${backup})`);
  expect(again.exitCode).toBe(1);
  expect((await site.call('backup', backup, '--overwrite')).exitCode).toBe(0);
  expect((await site.call('backup', site.folder, '--overwrite')).stderr).toContain('is a folder');
  const verified = await site.call('backup', 'verify', backup);
  expect(verified.stderr).toBe('');
  expect(verified.stdout).toMatch(/^ {7}1 {2}nodes$/m);
  expect(verified.stdout).toContain('is whole');
  expect(await site.databases()).toEqual(['']);

  // These changes happen after the backup; then the authority and the configuration are replaced, as on another
  // machine.
  const epoch = await site.with(async (database) => {
    const bearer = { secret: before.secret, nodeId: LATER, hostname: 'later', address: '10.0.0.2' };
    const verdict = await tokens.useJoinToken(database.db, { ...bearer, now: new Date() });
    expect(verdict).toBe('accepted');
    await registerNode(database.db, node(LATER));
    return await enterLeader(database, { epoch: 9, holder: 'another program' });
  });
  await rm(site.authorityFile);
  await openAuthority(site.authorityFile);
  const another = await readFile(site.authorityFile, 'utf8');
  await writeFile(site.configFile, site.configText('# another one\n'));

  const restored = await site.call('restore', backup, '--yes');
  expect(restored.stderr).toBe('');
  expect(restored.stdout).toContain('1 hosts, 0 virtual machines');
  expect(await site.databases()).toEqual(['', '_before_restore']);
  expect(await readFile(site.authorityFile, 'utf8')).toBe(authority);
  expect(await readFile(site.configFile, 'utf8')).toBe(site.configText());
  expect(await readFile(join(site.folder, 'before-restore/ca.pem'), 'utf8')).toBe(another);
  await expect(access(join(site.folder, 'restore'))).rejects.toThrow('ENOENT');
  await site.with(async (database) => {
    const { db } = database;
    expect((await findNode(db, ONE))?.fullStateWantedAt).toBeInstanceOf(Date);
    // The node that joined later has a certificate but no record: it waits for its adoption.
    expect(await readStanding(db, LATER)).toBe('unknown');
    const bearer = { secret: before.secret, nodeId: LATER, hostname: 'later', address: '10.0.0.2' };
    expect(await tokens.useJoinToken(db, { ...bearer, now: new Date() })).toBe('unknown');
    expect(await sessions.useSession(db, before.session.secret, new Date())).toBeUndefined();
    expect(await findTask(db, before.task.id)).toMatchObject({ state: 'CANCELED' });
    const { rows } = await sql<{ epoch: number; last: number; resumable: number; may: boolean }>`
      SELECT epoch, last, resumable_from AS resumable, has_table_privilege('audit_log', 'UPDATE') AS may
      FROM leadership, event_numbering`.execute(db);
    expect(rows[0]?.epoch).toBeGreaterThan(epoch);
    expect(rows[0]?.last).toBe(rows[0]?.resumable);
    expect(rows[0]?.may).toBe(false);
    await expect(sql`DELETE FROM audit_log`.execute(db)).rejects.toThrow('is append-only');
    expect((await listAudit(db, { after: 0, limit: 100 })).at(-1)?.action).toBe(
      'control-plane.restore',
    );
  });
});

test('restoring a backup twice begins two generations that share no epoch and no event number', async () => {
  await using made = await openTestDatabase();
  const { database } = made;
  const { db } = database;
  const restore = async () => {
    await sql`DELETE FROM events`.execute(db);
    await sql`UPDATE event_numbering SET last = 5, resumable_from = 5`.execute(db);
    await sql`UPDATE leadership SET epoch = 7`.execute(db);
    const now = new Date();
    await beginGeneration(database, { madeAt: now.toISOString(), by: 'ada', now });
    const { last } = await readEventBounds(db);
    return { last, epoch: await enterLeader(database, { epoch: 1, holder: 'test' }) };
  };
  const first = await restore();
  const subject = { type: 'USER', id: 'ada', name: 'ada' } as const;
  await writeEvent(db, { kind: 'user.said', subject });
  expect(await numberEvents(db, 10)).toBe(1);
  const second = await restore();
  expect(second.last).toBeGreaterThan(first.last);
  expect(second.epoch).toBeGreaterThan(first.epoch);
});

/** Makes a backup with changed content from a valid one. */
async function forge(
  site: Site,
  from: string,
  change: (content: { manifest: Manifest } & ArchiveContent) => Partial<ArchiveContent>,
): Promise<string> {
  const bytes = await readFile(from);
  const source = (async function* () {
    yield bytes;
  })();
  const { manifest, files, dump } = await openArchive(source, PASSPHRASE);
  const content = { manifest, files, dump };
  const file = join(site.folder, 'forged.backup');
  const forged = writeArchive({ ...content, ...change(content) }, PASSPHRASE);
  await writeFile(file, Buffer.concat(await Array.fromAsync(forged)));
  return file;
}

describe('what cannot be restored is refused, and changes nothing', () => {
  let site: Site;
  let backup: string;
  beforeAll(async () => {
    site = await makeSite();
    await site.with(({ db }) => registerNode(db, node(ONE)));
    backup = join(site.folder, 'one.backup');
    await site.call('backup', backup);
    await site.with(({ db }) => registerNode(db, node(LATER)));
  });
  afterAll(() => site[Symbol.asyncDispose]());

  const refused = async (file: string, told: string | RegExp, ...args: string[]) => {
    const authority = await readFile(site.authorityFile, 'utf8');
    const { exitCode, stderr } = await site.call('restore', file, '--yes', ...args);
    expect(stderr).toMatch(told);
    expect(exitCode).toBe(1);
    expect(await site.databases()).toEqual(['']);
    expect(await readFile(site.authorityFile, 'utf8')).toBe(authority);
    expect(await site.with(({ db }) => readStanding(db, LATER))).toBe('member');
    await expect(access(join(site.folder, 'restore'))).rejects.toThrow('ENOENT');
  };

  test('a wrong passphrase', async () => {
    const other = join(site.folder, 'other');
    await writeFile(other, 'another passphrase\n');
    await refused(backup, 'the passphrase is not the one', '--passphrase-file', other);
  });

  test('an archive that was truncated or changed, at seeded positions', {
    timeout: TIMEOUT,
  }, async () => {
    const bytes = await readFile(backup);
    const random = new Random(20);
    const restoring = async (content: Uint8Array) => {
      const source = (async function* () {
        yield content;
      })();
      const { configFile } = site;
      const choice = {
        configuration: 'keep',
        confirmed: { problem: async () => undefined },
      } as const;
      await restoreBackup({
        ...{ ...choice, configFile, config: await site.config(), account: undefined, log: SILENT },
        ...{ program: 'source', by: 'ada', now: new Date(), signal: new AbortController().signal },
        archive: await openArchive(source, PASSPHRASE),
      });
    };
    const places = [
      bytes.length - 1,
      ...Array.from({ length: 2 }, () => random.below(bytes.length)),
    ];
    for (const at of places) {
      await expect(restoring(bytes.subarray(0, at))).rejects.toThrow(ControlPlaneError);
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
      await expect(restoring(changed)).rejects.toThrow(ControlPlaneError);
      expect(await site.databases()).toEqual(['']);
    }
    const file = join(site.folder, 'damaged.backup');
    await writeFile(file, bytes.subarray(0, -1));
    await refused(file, 'is damaged');
  });

  test.each<[string, (manifest: Manifest) => Partial<Manifest>, string]>([
    ['another product', () => ({ product: 'quantix-os' }), 'a backup of quantix-os, not of qvdc'],
    ['a newer PostgreSQL', () => ({ postgresql: 99 }), 'the backup is of PostgreSQL 99'],
    [
      'a newer schema',
      ({ migrations }) => ({
        migrations: [
          ...migrations,
          { ...migrations[0]!, version: migrations.length + 1, name: '999999_newer' },
        ],
      }),
      'the database has schema version',
    ],
    [
      'other counts',
      () => ({ counts: { nodes: 5 } }),
      'has 1 rows, and had 0|nodes has 1 rows, and had 5',
    ],
  ])('an archive of %s', async (_name, change, told) => {
    const file = await forge(site, backup, ({ manifest }) => ({
      manifest: { ...manifest, ...change(manifest) },
    }));
    await refused(file, new RegExp(told));
  });

  test('an archive whose dump is not a dump', async () => {
    const dump = (async function* () {
      yield Buffer.from('PGDMP and nothing more');
    })();
    await refused(await forge(site, backup, () => ({ dump })), 'cannot be restored: pg_restore');
  });

  test('a folder', async () => {
    await refused(site.folder, `${site.folder} cannot be read: it is a folder`);
  });

  test('an archive, while somebody is connected to the database before the last restore', async () => {
    const { socketFolder, database } = site.made.address;
    const before = `${database}_before_restore`;
    await withSuperuser(socketFolder, (client) => client.query(`CREATE DATABASE ${before}`));
    const client = new Client({ host: socketFolder, user: 'postgres', database: before });
    await client.connect();
    const { exitCode, stderr } = await site.call('restore', backup, '--yes');
    await client.end();
    expect(stderr).toMatch(/is connected to the database as postgres.*_before_restore/);
    expect(exitCode).toBe(1);
    expect(await site.with(({ db }) => readStanding(db, LATER))).toBe('member');
    await withSuperuser(socketFolder, (one) => one.query(`DROP DATABASE ${before}`));
  });

  test('an archive, beside the database of an interrupted restore, which is removed', async () => {
    const { socketFolder, database } = site.made.address;
    const left = `${database}_restored`;
    await withSuperuser(socketFolder, (one) =>
      one.query(`CREATE DATABASE ${left} OWNER quantix TEMPLATE template0`),
    );
    const client = new Client({ host: socketFolder, user: 'postgres', database: left });
    await client.connect();
    const { exitCode, stderr } = await site.call('restore', backup, '--yes');
    await client.end();
    expect(stderr).toMatch(/an old database cannot be removed: .*_restored.*psql/);
    expect(exitCode).toBe(1);
    const damaged = await forge(site, backup, ({ manifest }) => ({
      manifest: { ...manifest, counts: { nodes: 5 } },
    }));
    await refused(damaged, 'is damaged');
  });

  test.each(['quantix', 'postgres'])(
    'any archive, while somebody is connected to the database as %s',
    async (user) => {
      const { socketFolder, database } = site.made.address;
      const client = new Client({ host: socketFolder, user, database });
      await client.connect();
      await refused(backup, `is connected to the database as ${user}`).finally(() => client.end());
    },
  );
});

test('the commands of docs/control-plane.md make, verify and restore a backup, in their order', {
  timeout: TIMEOUT,
}, async () => {
  await using site = await makeSite();
  await rm(join(site.folder, 'passphrase'));
  await site.with(({ db }) => registerNode(db, node(ONE)));
  const programs = join(site.folder, 'bin');
  await mkdir(programs);
  const program = `exec '${process.execPath}' '${PROGRAM}' qx-controlplane "$@" --config '${site.configFile}'`;
  await writeFile(join(programs, 'qx-controlplane'), `#!/bin/sh\n${program}\n`, { mode: 0o755 });
  // No service runs here; the stand-in records the calls that would stop them.
  const service = `echo "$*" >>'${join(site.folder, 'services')}'`;
  await writeFile(join(programs, 'rc-service'), `#!/bin/sh\n${service}\n`, { mode: 0o755 });
  const PATH = `${programs}${delimiter}${process.env.PATH ?? ''}`;
  const commands = await readCommands(CONTROL_PLANE_DOCUMENT);
  expect(commands.length).toBeGreaterThan(5);
  for (const { command, line } of commands) {
    const here = command
      .replaceAll('/quantix/vdc/backup.passphrase', join(site.folder, 'passphrase'))
      .replaceAll('/data/backup', site.folder);
    const { stderr, exitCode } = await execa('sh', ['-ec', here], { env: { PATH }, reject: false });
    expect({ line, stderr, exitCode }).toEqual({ line, stderr: '', exitCode: 0 });
  }
  expect((await stat(join(site.folder, 'passphrase'))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(site.folder, 'services'), 'utf8')).toBe(
    'qx-controlplane stop\nqx-controlplane start\n',
  );
  expect(await site.databases()).toEqual(['', '_before_restore']);
});

test('each night a backup is made and restored as a check; a failure is an alert, which the next success clears', {
  timeout: TIMEOUT,
}, async () => {
  await using site = await makeSite();
  const config = await site.config();
  const nightly = join(site.folder, 'nightly');
  const old = ['qvdc-20200101T023000Z.backup', 'qvdc-20200102T023000Z.backup'];
  const cutOff = [`${old[0]}.unverified`, `${old[1]}.unverified.71.partial`];
  await site.with(async (database) => {
    const { db } = database;
    const files = await readBackupFiles(config.authority, site.configFile);
    /** Runs nightly backups until a condition holds. */
    const until = async (
      { passphrase = PASSPHRASE, migrations = MIGRATIONS },
      isSo: () => Promise<void>,
      then?: (backups: NightlyBackups) => Promise<void>,
    ) => {
      const ending = new AbortController();
      const backups = new NightlyBackups({
        ...{ database, version: '1.0.0', log: SILENT, signal: ending.signal },
        config: {
          ...config,
          database: { ...config.database, migrations },
          backup: { ...config.backup, days: 1, weeks: 1 },
        },
        secrets: { ...files, passphrase: passphrase === '' ? undefined : passphrase },
      });
      const working = backups.work();
      await vi.waitFor(isSo, { timeout: TIMEOUT / 2, interval: 50 });
      await then?.(backups);
      ending.abort();
      await working;
    };
    const messages = async () => (await listOpenAlerts(db)).map(({ message }) => message);
    const alerted = (message: string | RegExp) => async () =>
      expect(await messages()).toEqual([expect.stringMatching(message)]);

    await registerNode(db, node(ONE));
    await writeFile(nightly, '');
    await until({}, alerted(/nightly cannot be read: it is not a folder, .*Move away/));
    await rm(nightly);
    // A link to nowhere: the folder seems to be missing when it is read, and cannot be created.
    await symlink(join(site.folder, 'nowhere', 'nightly'), nightly);
    await until({}, alerted(/the last backup failed: .*nightly cannot be written/));
    await rm(nightly);
    await mkdir(nightly);
    for (const name of [...old, ...cutOff, 'notes.txt']) await writeFile(join(nightly, name), '');
    await until({ passphrase: '' }, alerted('there is no passphrase'), async (backups) => {
      expect(await backups.describe()).toMatchObject({
        ...{
          folder: nightly,
          hasPassphrase: false,
          problem: expect.stringContaining('passphrase'),
        },
        newest: { name: old[1], madeAt: '2020-01-02T02:30:00.000Z' },
      });
      await expect(backups.makeNow()).rejects.toThrow('there is no passphrase for backups');
    });
    // Without migrations, a backup cannot be verified by a restore.
    await until({ migrations: site.folder }, alerted('the last backup failed'), async (backups) => {
      await expect(backups.makeNow()).rejects.toThrow('the last backup failed');
    });
    expect((await readdir(nightly)).filter((name) => name.endsWith('.backup')).sort()).toEqual(old);
    await until({}, async () => expect(await messages()).toEqual([]));
    // A backup that cannot be removed is an alert, and no reason to call the new one bad; it is tried again.
    const stuck = join(nightly, old[0] ?? '');
    await mkdir(stuck);
    await until(
      {},
      alerted(/qvdc-20200101T023000Z.backup cannot be written: it is a folder/),
      async (backups) => {
        expect((await listOpenAlerts(db)).map(({ title }) => title)).toEqual(['Old backups stay']);
        expect(await backups.describe()).toMatchObject({
          problem: expect.stringMatching(/^old backups stay: .* it is a folder/),
        });
        await rmdir(stuck);
      },
    );
    await until({}, async () => expect(await messages()).toEqual([]));
    const [newest, ...rest] = (await readdir(nightly)).sort().reverse();
    expect(rest).toEqual(['notes.txt']);
    const verified = await site.call('backup', 'verify', join(nightly, newest ?? ''), '--json');
    expect(verified.stderr).toBe('');
    expect(JSON.parse(verified.stdout)).toMatchObject({ program: '1.0.0', counts: { nodes: 1 } });
    // No backup is due: this one is requested. Names contain seconds, so two backups within a second have the same
    // name.
    const isThere = async () => expect(await messages()).toEqual([]);
    await until({}, isThere, async (backups) => {
      const before = await backups.describe();
      expect(before).toMatchObject({ problem: null, newest: { name: newest } });
      await vi.waitFor(
        async () => {
          await backups.makeNow();
          const { newest: made } = await backups.describe();
          expect(made?.name).not.toBe(newest);
        },
        { timeout: TIMEOUT / 2 },
      );
    });
  });
  expect(await site.databases()).toEqual(['']);
});

test('a nightly backup that PostgreSQL itself refuses is an alert that says why', async () => {
  await using site = await makeSite();
  const config = await site.config();
  await site.with(async (database) => {
    await registerNode(database.db, node(ONE));
    const files = await readBackupFiles(config.authority, site.configFile);
    const ending = new AbortController();
    const backups = new NightlyBackups({
      ...{ config, database, version: '1.0.0', log: SILENT, signal: ending.signal },
      secrets: { ...files, passphrase: PASSPHRASE },
    });
    // As on a full disk, a query of the backup fails, and others do not.
    await sql`REVOKE SELECT ON folders FROM current_user`.execute(database.db);
    const why = 'the last backup failed: permission denied for table folders';
    await expect(backups.makeNow()).rejects.toThrow(why);
    expect((await listOpenAlerts(database.db)).map(({ message }) => message)).toEqual([why]);
    expect(await backups.describe()).toMatchObject({ problem: why });
  });
});

test('a restore that is cut off before its decision changes nothing, and the next start reports it', {
  timeout: TIMEOUT,
}, async () => {
  await using site = await makeSite();
  const backup = join(site.folder, 'one.backup');
  await site.call('backup', backup);
  await site.with(({ db }) => registerNode(db, node(LATER)));
  // This pg_restore ends only after the program that called it.
  const programs = join(site.folder, 'bin');
  await mkdir(programs);
  const called = join(site.folder, 'called');
  const waiting = `#!/bin/sh\n: >'${called}'\nwhile kill -0 "$PPID" 2>/dev/null; do sleep 0.1; done\n`;
  await writeFile(join(programs, 'pg_restore'), waiting, { mode: 0o755 });
  const start = (args: string[], PATH = process.env.PATH) =>
    spawn(process.execPath, [PROGRAM, 'qx-controlplane', ...args, '--config', site.configFile], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, PATH },
    });
  const kill = async (child: ChildProcess) => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  const restore = start(
    ['restore', backup, '--yes'],
    `${programs}${delimiter}${process.env.PATH ?? ''}`,
  );
  await vi.waitFor(() => access(called), { timeout: TIMEOUT / 2, interval: 50 });
  await kill(restore);
  const daemon = start(['run']);
  let log = '';
  daemon.stdout.setEncoding('utf8').on('data', (piece: string) => {
    log += piece;
  });
  try {
    const reported = 'a restore from a backup was cut off before it replaced anything';
    await vi.waitFor(() => expect(log).toContain(reported), {
      ...{ timeout: TIMEOUT / 2, interval: 50 },
    });
  } finally {
    await kill(daemon);
  }
  await expect(access(join(site.folder, 'restore'))).rejects.toThrow('ENOENT');
  expect(await site.with(({ db }) => readStanding(db, LATER))).toBe('member');
});

test('a power cut at any moment of a restore leaves the old or the new state, and the next restore works', {
  timeout: 900_000,
}, async () => {
  await inFolder(async (machine) => {
    // PostgreSQL runs as another account.
    await chmod(machine, 0o755);
    // Without fsync: the kernel survives the simulated cuts, so written data stays.
    const boot = () => startPostgresql(join(machine, 'postgresql'), { settings: { fsync: 'off' } });
    const { socketFolder } = await boot();
    const address = addressOf(socketFolder, 'quantix_vdc');
    const dump = async () => undefined;
    await migrateUp({ address, folder: MIGRATIONS, programVersion: '0.1.0', log: SILENT, dump });
    const site = await makeSite({ address, [Symbol.asyncDispose]: async () => undefined }, machine);
    const backup = join(site.folder, 'one.backup');
    const old = await readFile(site.authorityFile, 'utf8');
    await site.with(({ db }) => registerNode(db, node(ONE)));
    const printed = (await site.call('backup', backup, '--json')).stdout;
    expect(JSON.parse(printed)).toMatchObject({ file: backup, counts: { nodes: 1 } });
    const restoring = ['restore', backup, '--yes'];
    const args = [PROGRAM, 'qx-controlplane', ...restoring, '--config', site.configFile];
    const random = new Random(20);
    /** Makes the control plane differ from the backup: one more node, and another authority. */
    const become = async () => {
      await site.with(({ db }) => registerNode(db, node(LATER)));
      await rm(site.authorityFile);
      await openAuthority(site.authorityFile);
    };
    await become();
    const started = performance.now();
    expect((await site.call(...restoring)).exitCode).toBe(0);
    const whole = performance.now() - started;
    const seen = { old: 0, new: 0 };
    const restoreFolder = join(site.folder, 'restore');
    const ordered = async (child: ChildProcess) => {
      while (!(await readdir(restoreFolder).catch((): string[] => [])).includes('order.json')) {
        // On a busy machine, the file may come and go between two checks.
        if (child.exitCode !== null) return;
        await wait(1);
      }
    };
    for (let moment = 0; moment < 20; moment += 1) {
      if ((await readFile(site.authorityFile, 'utf8')) === old) await become();
      const share = random.below(1000) / 1000;
      const child = spawn(process.execPath, args, { stdio: 'ignore', cwd: machine });
      const ended = once(child, 'exit');
      // Half of the moments are anywhere in the restore, and half are close to the switch, which is short.
      if (moment % 2 === 1) await ordered(child);
      await Promise.race([wait(moment % 2 === 1 ? share * 30 : share * whole), ended]);
      while ((await cutPower(machine)) > 0) await wait(5);
      await ended;
      await boot();
      // At its start, the service does this first.
      await finishRestore(await site.config(), switchFolders(site.configFile), undefined);
      const isOld = (await readFile(site.authorityFile, 'utf8')) !== old;
      const standing = await site.with(({ db }) => readStanding(db, LATER));
      expect(standing).toBe(isOld ? 'member' : 'unknown');
      expect(await site.with(({ db }) => readStanding(db, ONE))).toBe('member');
      await expect(readdir(restoreFolder)).rejects.toThrow('ENOENT');
      seen[isOld ? 'old' : 'new'] += 1;
    }
    expect(seen.old).toBeGreaterThan(0);
    expect(seen.new).toBeGreaterThan(0);
    await become();
    const restored = await site.call(...restoring, '--json');
    expect(JSON.parse(restored.stdout)).toMatchObject({ file: backup, counts: { nodes: 1 } });
    expect(await readFile(site.authorityFile, 'utf8')).toBe(old);
  });
});
