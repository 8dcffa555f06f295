import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Config, parseConfig } from '../../apps/control-plane/config.ts';
import { startControlPlane } from '../../apps/control-plane/control-plane.ts';
import { openDatabase } from '../../apps/control-plane/database/database.ts';
import {
  listOpenAlerts,
  resolveAlert,
} from '../../apps/control-plane/database/repositories/alerts.ts';
import { registerNode } from '../../apps/control-plane/database/repositories/nodes.ts';
import { askService, probeRedis } from '../../apps/control-plane/health/probes.ts';
import { createHealthRoutes, refuseWhileLimited } from '../../apps/control-plane/health/routes.ts';
import { locateStateFile } from '../../apps/control-plane/health/state-file.ts';
import { createInventoryRoutes } from '../../apps/control-plane/inventory/routes.ts';
import { type OpenPort, openPort } from '../../apps/control-plane/people/port.ts';
import { announceAuthority } from '../../apps/control-plane/trust/announce-authority.ts';
import {
  type Authority,
  makeTemporaryAuthority,
  openAuthority,
} from '../../apps/control-plane/trust/authority.ts';
import { bind } from '../../apps/http/bind.ts';
import { createApiServer } from '../../apps/http/server.ts';
import { findFreePort } from '../../tasks/control-plane/free-port.ts';
import {
  MIGRATION_NAMES,
  MIGRATIONS,
  makeDatabase,
  SILENT,
  type TestDatabase,
} from './database.ts';

/** Version of the schema. */
const LAST = MIGRATION_NAMES.length;

/** A migration that comes after it. */
const MORE = `${String(LAST + 1).padStart(6, '0')}_more`;

const PROGRAM = resolve(import.meta.dirname, '../../apps/qx.ts');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quantix-program-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The text of a configuration for a database of the test's own; the addresses of etcd and Redis are unused. */
function configText({ address }: TestDatabase): string {
  return JSON.stringify({
    database: {
      socketFolder: address.socketFolder,
      database: address.database,
      migrations: MIGRATIONS,
      dumps: join(folder, 'dumps'),
    },
    etcd: { address: 'http://127.0.0.1:1' },
    redis: { socket: join(folder, 'no-redis.sock') },
    socket: join(folder, 'controlplane.sock'),
    authority: join(folder, 'ca.pem'),
    backup: { folder, passphrase: join(folder, 'backup.passphrase') },
    agents: { port: 0 },
    people: { listen: '127.0.0.1', port: 0 },
  });
}

async function call(made: TestDatabase, ...args: string[]) {
  const file = join(folder, `${made.address.database}.yaml`);
  await writeFile(file, configText(made));
  const command = [PROGRAM, 'qx-controlplane', ...args, '--config', file];
  return await execa(process.execPath, command, { reject: false });
}

/** Milliseconds: each call starts Node, and doctor tries an unused port for a minute. */
const TIMEOUT = 180_000;

test('migrations are applied, listed and undone on the command line', {
  timeout: TIMEOUT,
}, async () => {
  await using made = await makeDatabase('empty');
  expect((await call(made, 'migrate', 'status')).stdout).toMatch(
    /^000001_initial_schema {2}pending$/m,
  );
  expect((await call(made, 'migrate', 'up')).stdout.split('\n')).toHaveLength(LAST);
  expect((await call(made, 'migrate', 'up')).stdout).toBe('The database has all migrations.');
  expect((await call(made, 'migrate', 'down', '2')).stdout).toBe(
    MIGRATION_NAMES.slice(-2)
      .reverse()
      .map((name) => `${name}  taken back`)
      .join('\n'),
  );
  const status = JSON.parse((await call(made, 'migrate', 'status', '--json')).stdout);
  expect(status).toMatchObject({
    schemaVersion: LAST - 2,
    pending: [{ version: LAST - 1 }, { version: LAST }],
  });
});

test('doctor names each service that does not answer, with a fix, and fails', {
  timeout: TIMEOUT,
}, async () => {
  await using made = await makeDatabase('migrated');
  const { exitCode, stdout } = await call(made, 'doctor');
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^postgresql {2}ok: answers$/m);
  expect(stdout).toMatch(new RegExp(`^schema {6}ok: version ${LAST}, 0 migrations pending$`, 'm'));
  expect(stdout).toMatch(/^etcd {8}PROBLEM: .*\n {12}rc-service etcd status/m);
  expect(stdout).toMatch(/^redis {7}PROBLEM: /m);
  expect(stdout).toMatch(/^backup {6}ok: none yet, and no host has joined$/m);
  const { findings } = JSON.parse((await call(made, 'doctor', '--json')).stdout);
  expect(findings.map(({ subject }: { subject: string }) => subject)).toEqual([
    ...['postgresql', 'etcd', 'redis', 'schema', 'data disk'],
    ...['disk', 'clock', 'backup', 'hosts'],
  ]);
});

test('doctor reports that a control plane with hosts has no backup, and that hosts are not served', {
  timeout: TIMEOUT,
}, async () => {
  await using made = await makeDatabase('migrated');
  const database = openDatabase(made.address, { open: 1, idle: 0 }, SILENT);
  const host = { id: randomUUID(), hostname: 'node7', managementIp: null, spec: {} };
  await registerNode(database.db, host).finally(() => database.close());
  const file = join(folder, 'served.yaml');
  const port = await findFreePort();
  await writeFile(file, configText(made).replace('"port":0', `"port":${port}`));
  const command = [PROGRAM, 'qx-controlplane', 'doctor', '--config', file];
  const { stdout } = await execa(process.execPath, command, { reject: false });
  expect(stdout).toMatch(/^backup {6}PROBLEM: no backups are made: there is no passphrase/m);
  expect(stdout).toMatch(
    new RegExp(`^agents {6}PROBLEM: nothing serves hosts on port ${port}: `, 'm'),
  );
  expect(stdout).toMatch(/^hosts {7}ok: 1, none older/m);
});

test('doctor reports a backup path that is not a folder, and still makes its other checks', {
  timeout: TIMEOUT,
}, async () => {
  await using made = await makeDatabase('migrated');
  const own = await mkdtemp(join(folder, 'doctor-'));
  await writeFile(join(own, 'nightly'), '');
  const doctor = async (backup: string) => {
    const file = join(own, 'config.yaml');
    const config = { ...JSON.parse(configText(made)), backup: { folder: backup } };
    await writeFile(file, JSON.stringify(config));
    const command = [PROGRAM, 'qx-controlplane', 'doctor', '--config', file];
    return await execa(process.execPath, command, { reject: false });
  };
  const nightly = await doctor(own);
  expect(nightly).toMatchObject({ exitCode: 1, stderr: '' });
  expect(nightly.stdout).toMatch(/^disk .* are free/m);
  expect(nightly.stdout).toMatch(
    /^backup {6}PROBLEM: .*nightly cannot be read: it is not a folder/m,
  );
  expect(nightly.stdout).toMatch(/^hosts {7}ok: /m);
  const whole = await doctor(join(own, 'nightly', 'backups'));
  expect(whole.stdout).toMatch(/^disk {8}PROBLEM: .*backups cannot be read: it is not a folder/m);
  expect(whole.stdout).toMatch(/^backup {6}PROBLEM: /m);
  expect(whole.stdout).toMatch(/^hosts {7}ok: /m);
});

test.each([
  [['migrate'], 'migrate is followed by status, up or down'],
  [['migrate', 'down', 'all'], '"all" is not a number of migrations'],
  [['migrate', 'up', 'now'], '"now" is one argument too many'],
  [['nonsense'], 'there is no command "nonsense"'],
])('wrong usage is reported, with exit status 2: %j', async (args, told) => {
  await using made = await makeDatabase('empty');
  const { exitCode, stderr } = await call(made, ...args);
  expect(exitCode).toBe(2);
  expect(stderr).toBe(`qx-controlplane: ${told}; see qx-controlplane --help`);
});

test('a database that cannot be reached is reported in one line', async () => {
  await using made = await makeDatabase('empty');
  const gone = { address: { ...made.address, database: 'nowhere' } };
  const { exitCode, stderr } = await call({ ...made, ...gone }, 'migrate', 'status');
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^qx-controlplane: PostgreSQL cannot be reached: .*"nowhere".*$/);
});

/**
 * Runs a control plane on a socket during the work. Its version is unconfirmed while `trial` returns a reason; `port`
 * is its port for people.
 */
async function withControlPlane(
  config: Config,
  work: () => Promise<void>,
  {
    trial = () => undefined,
    port,
  }: { trial?: () => string | undefined; port?: OpenPort | undefined } = {},
): Promise<void> {
  const ending = new AbortController();
  const { signal } = ending;
  const authority = await openAuthority(config.authority);
  const confirmed = { problem: async () => trial() };
  const options = { config, authority, confirmed, port, version: '1.0.0', log: SILENT, signal };
  const controlPlane = startControlPlane(options);
  const routes = [
    ...createHealthRoutes(() => controlPlane.facts()),
    ...refuseWhileLimited(createInventoryRoutes(controlPlane), controlPlane.limited),
  ];
  const server = createApiServer({ routes, explain: () => undefined, onBug: () => undefined });
  await bind(server, config.socket);
  try {
    await work();
  } finally {
    server.close();
    server.closeAllConnections();
    ending.abort();
    await controlPlane.ended;
  }
}

async function ask(socket: string, path: string): Promise<string> {
  return (await execa('curl', ['-s', '--unix-socket', socket, `http://localhost${path}`])).stdout;
}

test('the daemon migrates an empty database and is ready without etcd and Redis, reporting both as down', async () => {
  await using made = await makeDatabase('empty');
  const config = await parseConfig(configText(made), 'config.yaml');
  await withControlPlane(config, async () => {
    expect(JSON.parse(await ask(config.socket, '/healthz'))).toEqual({ status: 'ok' });
    await expect
      .poll(async () => JSON.parse(await ask(config.socket, '/readyz')), { timeout: 30_000 })
      .toMatchObject({ ready: true, schemaVersion: LAST });
    const { services } = JSON.parse(await ask(config.socket, '/readyz'));
    expect(services).toMatchObject([
      { name: 'postgresql', state: 'ok', problem: '' },
      { name: 'etcd', state: 'failed', problem: expect.stringMatching(/./) },
      { name: 'redis', state: 'failed', problem: expect.stringMatching(/./) },
    ]);
    await expect
      .poll(async () => JSON.parse(await ask(config.socket, '/readyz')), { timeout: 30_000 })
      .toMatchObject({
        ready: true,
        leadership: {
          role: 'unknown',
          problem: expect.stringContaining('etcd cannot be reached'),
          seconds: expect.any(Number),
        },
      });
    const metrics = await ask(config.socket, '/metrics');
    expect(metrics).toContain('quantix_controlplane_leadership{role="unknown"} 1\n');
    expect(metrics).toContain(`quantix_controlplane_schema_version ${LAST}\n`);
    expect(metrics).toContain('quantix_controlplane_service_up{service="postgresql"} 1\n');
    expect(metrics).toContain('quantix_controlplane_service_up{service="etcd"} 0\n');
  });
});

test('the daemon is ready only while it serves hosts: if another program has their port, it reports that, and recovers', async () => {
  await using made = await makeDatabase('empty');
  const config = await parseConfig(configText(made), 'config.yaml');
  const other = createServer().listen(0, config.agents.listen);
  await once(other, 'listening');
  config.agents.port = (other.address() as AddressInfo).port;
  await withControlPlane(config, async () => {
    await expect
      .poll(() => readyz(config), { timeout: 30_000 })
      .toMatchObject({ ready: false, problem: expect.stringContaining('EADDRINUSE') });
    await expect
      .poll(() => readFile(locateStateFile(config.socket), 'utf8'), { timeout: 30_000 })
      .toMatch(/^failed\nagents cannot be served: .*EADDRINUSE/);
    other.close();
    await expect.poll(() => readyz(config), { timeout: 30_000 }).toMatchObject({ ready: true });
    const host = connect(config.agents.port, config.agents.listen);
    await once(host, 'connect');
    host.destroy();
  });
});

test('the daemon of an older image is not ready, and reports its version and that of the database', async () => {
  await using made = await makeDatabase('migrated');
  const older = await mkdtemp(join(folder, 'older-'));
  await execa('sh', ['-c', 'cp "$0"/00000[1-9]_* "$1"', MIGRATIONS, older]);
  const config = await parseConfig(configText(made), 'config.yaml');
  config.database.migrations = older;
  const port = await openPort(config.people);
  const shows = async () => {
    const { port: number } = port.address() as AddressInfo;
    const page = ['-s', '-k', '-H', 'Accept: text/html', `https://127.0.0.1:${number}/`];
    return (await execa('curl', page, { reject: false })).stdout;
  };
  const work = async () => {
    await expect.poll(shows, { timeout: 30_000 }).toContain(`schema version ${LAST}`);
    await expect
      .poll(async () => JSON.parse(await ask(config.socket, '/readyz')), { timeout: 30_000 })
      .toMatchObject({
        ready: false,
        problem: expect.stringContaining(`schema version ${LAST}`),
        // The services were not asked, so their state is unknown.
        services: [{ state: 'unknown' }, { state: 'unknown' }, { state: 'unknown' }],
      });
    expect(JSON.parse(await ask(config.socket, '/inventory')).error.what).toContain(
      `schema version ${LAST}`,
    );
    expect(await readFile(locateStateFile(config.socket), 'utf8')).toMatch(
      new RegExp(`^failed\\n.*schema version ${LAST}.*\\n$`),
    );
  };
  await withControlPlane(config, work, { port }).finally(() => port.close());
});

/** A folder with the image's migrations and one more, and a database that lacks that one. */
async function oneMigrationMore(made: TestDatabase, sql: string): Promise<Config> {
  const newer = await mkdtemp(join(folder, 'newer-'));
  await cp(MIGRATIONS, newer, { recursive: true });
  await writeFile(join(newer, `${MORE}.up.sql`), sql);
  await writeFile(join(newer, `${MORE}.down.sql`), 'DROP TABLE more;\n');
  const config = await parseConfig(configText(made), 'config.yaml');
  config.database.migrations = newer;
  config.database.dumps = await mkdtemp(join(folder, 'dumps-'));
  return config;
}

const readyz = async ({ socket }: Config) => JSON.parse(await ask(socket, '/readyz'));

test('a version on trial is ready without migrating the database, and migrates once it is confirmed', async () => {
  await using made = await makeDatabase('migrated');
  const config = await oneMigrationMore(made, 'CREATE TABLE more (id integer);\n');
  let trial: string | undefined = 'it is on trial';
  const held = async () => {
    await expect.poll(() => readyz(config), { timeout: 30_000 }).toMatchObject({ ready: true });
    expect(await readyz(config)).toMatchObject({
      schemaVersion: LAST,
      limited: expect.stringMatching(
        new RegExp(`${MORE} waits until .* confirmed.*: it is on trial`),
      ),
      services: [{ state: 'ok' }, { state: 'failed' }, { state: 'failed' }],
    });
    expect(await readFile(locateStateFile(config.socket), 'utf8')).toBe('ready\n');
    expect(JSON.parse(await ask(config.socket, '/inventory')).error.what).toContain(
      `${MORE} waits`,
    );
    expect(await readdir(config.database.dumps)).toEqual([]);
  };
  await withControlPlane(config, held, { trial: () => trial });
  // The previous version finds its database unchanged.
  const before = { ...config, database: { ...config.database, migrations: MIGRATIONS } };
  await withControlPlane(before, async () => {
    await expect
      .poll(() => readyz(config), { timeout: 30_000 })
      .toMatchObject({ ready: true, schemaVersion: LAST });
    expect(await readyz(config)).not.toHaveProperty('limited');
  });
  await withControlPlane(
    config,
    async () => {
      await held();
      trial = undefined;
      await expect
        .poll(() => readyz(config), { timeout: 30_000 })
        .toMatchObject({ ready: true, schemaVersion: LAST + 1 });
      expect(await readyz(config)).not.toHaveProperty('limited');
      expect(JSON.parse(await ask(config.socket, '/inventory'))).toHaveProperty('nodes');
      expect(await readdir(config.database.dumps)).toHaveLength(1);
    },
    { trial: () => trial },
  );
}, 120_000);

test('a version on trial whose migrations would fail is not ready, and the database is unchanged', async () => {
  await using made = await makeDatabase('migrated');
  const config = await oneMigrationMore(made, 'CREATE TABLE more (id integer); SELECT 1 / 0;\n');
  await withControlPlane(
    config,
    async () => {
      await expect
        .poll(() => readyz(config), { timeout: 30_000 })
        .toMatchObject({
          ready: false,
          problem: expect.stringContaining(`${MORE} fails when it is tried: division by zero`),
        });
      // Commands are refused, because they would work on an unknown schema.
      expect(JSON.parse(await ask(config.socket, '/inventory')).error.what).toContain(
        'fails when it is tried',
      );
    },
    { trial: () => 'it is on trial' },
  );
  const { stdout } = await call(made, 'migrate', 'status', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ schemaVersion: LAST, pending: [] });
});

test('a notice that etcd lost its data becomes one alert, which readiness shows until somebody resolves it', async () => {
  await using made = await makeDatabase('migrated');
  const config = await parseConfig(configText(made), 'config.yaml');
  const notice = join(folder, 'notice');
  config.etcd.notice = notice;
  await writeFile(notice, 'it was set aside\n');
  await withControlPlane(config, async () => {
    await expect
      .poll(async () => JSON.parse(await ask(config.socket, '/readyz')), { timeout: 30_000 })
      .toMatchObject({
        ready: true,
        alerts: [{ title: 'The folder of etcd was damaged', message: 'it was set aside' }],
      });
    expect(existsSync(notice)).toBe(false);
    expect(await readFile(locateStateFile(config.socket), 'utf8')).toBe('ready\n');
  });
  const opened = openDatabase(made.address, { open: 2, idle: 0 }, SILENT);
  const [alert, ...others] = await listOpenAlerts(opened.db);
  expect(others).toEqual([]);
  await resolveAlert(opened.db, alert!.id, new Date());
  await opened.close();
  await withControlPlane(config, async () => {
    await expect
      .poll(async () => JSON.parse(await ask(config.socket, '/readyz')), { timeout: 30_000 })
      .toMatchObject({ ready: true, alerts: [] });
  });
});

const TRUSTED = 'The certificate authority was lost';

test('an authority that the hosts do not trust raises an alert, unless they trust one of its roots', async () => {
  await using made = await makeDatabase('migrated');
  const database = openDatabase(made.address, { open: 2, idle: 0 }, SILENT);
  const [first, second] = [await makeTemporaryAuthority(), await makeTemporaryAuthority()];
  const tell = async ({ roots, isNew }: Pick<Authority, 'roots' | 'isNew'>) => {
    await announceAuthority(database.db, { where: 'ca.pem', roots, isNew });
    return (await listOpenAlerts(database.db)).map(({ title }) => title);
  };
  try {
    expect(await tell(first)).toEqual([]);
    expect(await tell(second)).toEqual([]);
    const host = { id: randomUUID(), hostname: 'node7', managementIp: null, spec: {} };
    await registerNode(database.db, host);
    expect(await tell({ roots: [...second.roots, ...first.roots], isNew: false })).toEqual([]);
    expect(await tell({ roots: first.roots, isNew: false })).toEqual([]);
    expect(await tell({ roots: second.roots, isNew: false })).toEqual([TRUSTED]);
  } finally {
    await database.close();
  }
});

test('an authority that is put back, and that the hosts trust, clears the alert about its loss', async () => {
  await using made = await makeDatabase('migrated');
  const database = openDatabase(made.address, { open: 2, idle: 0 }, SILENT);
  const [first, second, third] = await Promise.all([1, 2, 3].map(makeTemporaryAuthority));
  const tell = async (roots: readonly string[], isNew = false) => {
    await announceAuthority(database.db, { where: 'ca.pem', roots: [...roots], isNew });
    return (await listOpenAlerts(database.db)).map(({ title }) => title);
  };
  try {
    expect(await tell(first!.roots, true)).toEqual([]);
    const host = { id: randomUUID(), hostname: 'node7', managementIp: null, spec: {} };
    await registerNode(database.db, host);
    for (const { roots } of [second!, third!]) expect(await tell(roots, true)).toEqual([TRUSTED]);
    expect(await tell(third!.roots)).toEqual([TRUSTED]);
    expect(await tell(first!.roots)).toEqual([]);
    expect(await tell(first!.roots)).toEqual([]);
  } finally {
    await database.close();
  }
});

test('a new certificate authority beside a database with hosts raises an alert, until somebody resolves it', async () => {
  await using made = await makeDatabase('migrated');
  const config = await parseConfig(configText(made), 'config.yaml');
  config.authority = join(folder, 'lost', 'ca.pem');
  const database = openDatabase(made.address, { open: 2, idle: 0 }, SILENT);
  const host = { id: randomUUID(), hostname: 'node7', managementIp: null, spec: {} };
  await announceAuthority(database.db, await makeTemporaryAuthority());
  await registerNode(database.db, host).finally(() => database.close());
  // The authority exists, but the program that made it ended before it reached the database.
  await openAuthority(config.authority);
  const title = TRUSTED;
  // At the second start, the alert is still open, because the announced authority is stored.
  for (const _ of [1, 2]) {
    await withControlPlane(config, async () => {
      await expect
        .poll(async () => JSON.parse(await ask(config.socket, '/readyz')), { timeout: 30_000 })
        .toMatchObject({
          ready: true,
          alerts: [
            { severity: 'CRITICAL', title, message: expect.stringContaining('the 1 hosts of') },
          ],
        });
    });
  }
});

test('a service that accepts connections but never answers is reported as failed after the time limit', async () => {
  const socket = join(folder, 'silent.sock');
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(socket, resolve));
  const health = await askService('redis', probeRedis(socket), { within: 300 });
  expect(health).toMatchObject({ state: 'failed', problem: 'no answer in time' });
  silent.close();
});
