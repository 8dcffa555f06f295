import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import pLimit from 'p-limit';
import { openArchive } from '../../apps/control-plane/backup/archive.ts';
import { makeBackup, readBackupFiles } from '../../apps/control-plane/backup/make-backup.ts';
import { verifyBackup } from '../../apps/control-plane/backup/verify.ts';
import { DATABASE, type DatabaseAddress } from '../../apps/control-plane/database/connection.ts';
import { type Database, openDatabase } from '../../apps/control-plane/database/database.ts';
import { migrateUp } from '../../apps/control-plane/database/migrate.ts';
import { writeEvent } from '../../apps/control-plane/database/repositories/events.ts';
import { enterLeader } from '../../apps/control-plane/database/repositories/leadership.ts';
import { registerNode } from '../../apps/control-plane/database/repositories/nodes.ts';
import { EventFeed } from '../../apps/control-plane/events/feed.ts';
import {
  type NodeState,
  openNodeState,
} from '../../apps/control-plane/reconciliation/node-state.ts';
import { openAuthority } from '../../apps/control-plane/trust/authority.ts';
import {
  HeartbeatRequestSchema,
  type SyncFullStateRequest,
  SyncFullStateRequestSchema,
} from '../../apps/proto/gen/quantix/v1/node_service_pb.js';
import { PositionSchema } from '../../apps/proto/gen/quantix/v1/position_pb.js';
import { PowerState } from '../../apps/proto/gen/quantix/v1/vm_pb.js';
import { startPostgresql } from '../../tasks/control-plane/postgresql.ts';
import { makeServicesFolder } from '../../tasks/control-plane/service.ts';
import { MIGRATIONS, SILENT } from '../database/database.ts';
import { measureClaims } from './claims.ts';
import { type Figure, median, secondsOf } from './measure.ts';
import { measurePeople } from './people.ts';

/** A fleet: hosts, and virtual machines of each. */
const HOSTS = 1_000;
const MACHINES = 50;

/** Number of hosts that report at the same time. */
const AT_ONCE = 10;

/** Number of subscribers to events, and number of events that they receive, one after another. */
const LISTENERS = 1_000;
const EVENTS = 50;

/** A host, and the message with its full state. */
interface Report {
  readonly host: string;
  readonly state: SyncFullStateRequest;
}

/**
 * Measures the control plane's code on a PostgreSQL with the appliance's settings: hosts' reports, from the message to
 * its answer; the largest statement of a report against its floor; events; the API for people; and a backup.
 */
export async function measureDatabase(runs: number): Promise<Figure[]> {
  const folder = await makeServicesFolder('quantix-bench-');
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true }));
  const server = await startPostgresql(folder);
  stack.defer(() => server.stop());
  const address = { ...DATABASE, socketFolder: server.socketFolder };
  const dump = () => Promise.reject(new Error('an empty database is not dumped'));
  await migrateUp({ address, folder: MIGRATIONS, programVersion: '0', log: SILENT, dump });
  const database = openDatabase(address, { open: AT_ONCE, idle: AT_ONCE }, SILENT);
  stack.defer(() => database.close());
  const epoch = await enterLeader(database, { epoch: 1, holder: 'bench' });
  const leadership = { untilOvertaken: <T>(work: (own: number) => Promise<T>) => work(epoch) };
  const state = openNodeState({ database, leadership, log: SILENT });
  // As in the program, events are numbered and read at the same time.
  const ending = new AbortController();
  const { signal } = ending;
  const feed = new EventFeed({ database, address, log: SILENT, signal });
  const told = feed.work();
  stack.defer(async () => {
    ending.abort();
    await told;
  });
  const claims = await measureClaims(database, address, runs);
  const single = await measureOneByOne(database, state, runs * 10);
  const reports = await makeReports(database, HOSTS);
  const fleet = await secondsOf(() => sendAll(state, reports, 1));
  const again = await secondsOf(() => sendAll(state, reports, 2));
  const beats = await secondsOf(() => Promise.all(reports.map(({ host }) => beat(state, host))));
  const heard = await measureEvents(database, feed, signal);
  const machines = HOSTS * MACHINES;
  // Autovacuum does this within a minute of such a load; the planner needs the statistics.
  await sql`ANALYZE`.execute(database.db);
  const people = await measurePeople({ database, feed, folder, machines });
  const { making, verifying } = await measureBackup(address, folder);
  const of = `${machines} virtual machines, ${AT_ONCE} hosts at once`;
  return [
    ...claims,
    { what: 'full state of 50 new virtual machines', value: single.first, limit: 40, unit: 'ms' },
    { what: 'the same full state again', value: single.again, limit: 20, unit: 'ms' },
    { what: 'full states of 1,000 hosts', value: fleet, limit: 15, unit: 's', note: of },
    { what: 'the same full states again', value: again, limit: 8, unit: 's', note: of },
    {
      what: 'heartbeats of 1,000 hosts',
      value: beats * 1000,
      limit: 600,
      unit: 'ms',
      note: 'all at once',
    },
    {
      what: `an event, from its commit to the last of ${LISTENERS.toLocaleString('en')} listeners`,
      value: heard,
      limit: 100,
      unit: 'ms',
      note: '95th percentile',
    },
    ...people,
    { what: 'backup of 1,000 hosts', value: making, limit: 5, unit: 's' },
    { what: 'that backup verified', value: verifying, limit: 15, unit: 's' },
  ];
}

/** Measures the seconds of a backup, and of its restore into a scratch database. */
async function measureBackup(
  address: DatabaseAddress,
  folder: string,
): Promise<{ making: number; verifying: number }> {
  const authority = join(folder, 'ca.pem');
  await openAuthority(authority);
  const files = await readBackupFiles(authority, join(folder, 'config.yaml'));
  const file = join(folder, 'fleet.backup');
  const passphrase = 'correct horse battery';
  const { signal } = new AbortController();
  const request = { ...files, address, account: undefined, passphrase, program: '0', signal };
  const making = await secondsOf(() => makeBackup(file, { ...request, now: new Date() }));
  const own = { program: '0', migrations: MIGRATIONS };
  const verifying = await secondsOf(async () => {
    const archive = await openArchive(createReadStream(file), passphrase);
    await verifyBackup(archive, { address, own, signal });
  });
  return { making, verifying };
}

/** Measures the milliseconds from the commit of an event until every subscriber has it, as the 95th percentile. */
async function measureEvents(
  { db }: Database,
  feed: EventFeed,
  signal: AbortSignal,
): Promise<number> {
  const filter = { kinds: ['user.measured'] };
  const listeners = await Promise.all(
    Array.from({ length: LISTENERS }, async () => {
      const events = await feed.listen({ filter, signal });
      return events[Symbol.asyncIterator]();
    }),
  );
  const times: number[] = [];
  for (let number = 0; number < EVENTS; number += 1) {
    const heard = Promise.all(listeners.map((listener) => listener.next()));
    const subject = { type: 'USER', id: String(number), name: '' } as const;
    await writeEvent(db, { kind: 'user.measured', subject });
    times.push(1000 * (await secondsOf(() => heard)));
  }
  return times.sort((a, b) => a - b)[Math.floor(0.95 * EVENTS)] ?? 0;
}

/** Measures the milliseconds of a report without other load. */
async function measureOneByOne(
  database: Database,
  state: NodeState,
  hosts: number,
): Promise<{ first: number; again: number }> {
  const first: number[] = [];
  const again: number[] = [];
  for (const report of await makeReports(database, hosts)) {
    first.push(1000 * (await secondsOf(() => send(state, report, 1))));
    again.push(1000 * (await secondsOf(() => send(state, report, 2))));
  }
  return { first: median(first), again: median(again) };
}

/** Registers hosts as nodes. @returns their reports */
async function makeReports(database: Database, count: number): Promise<Report[]> {
  const reports = Array.from({ length: count }, (_, index) => ({
    host: randomUUID(),
    state: create(SyncFullStateRequestSchema, {
      ...{ part: 1, last: true, host: { hostname: 'host' }, pools: {} },
      vms: {
        items: Array.from({ length: MACHINES }, (_unused, number) => ({
          ...{ id: randomUUID(), name: `vm-${index}-${number}`, powerState: PowerState.RUNNING },
          ...{ cpus: 2, memoryBytes: 1n << 31n },
        })),
      },
    }),
  }));
  for (const { host } of reports) {
    await registerNode(database.db, { id: host, hostname: 'host', managementIp: null, spec: {} });
  }
  return reports;
}

async function sendAll(
  state: NodeState,
  reports: readonly Report[],
  number: number,
): Promise<void> {
  const limit = pLimit(AT_ONCE);
  await Promise.all(reports.map((report) => limit(() => send(state, report, number))));
}

function send(state: NodeState, { host, state: sent }: Report, number: number): Promise<unknown> {
  const part = { ...sent, position: positionOf(number) };
  return state.syncFullState(
    host,
    (async function* () {
      yield part;
    })(),
  );
}

function beat(state: NodeState, host: string): Promise<unknown> {
  const load = { uptimeSeconds: 1n, load1m: 0.5, memoryTotalBytes: 1n << 36n };
  return state.heartbeat(
    host,
    create(HeartbeatRequestSchema, { position: positionOf(3), hostname: 'host', load }),
  );
}

function positionOf(number: number) {
  return create(PositionSchema, { epoch: 1n, number: BigInt(number) });
}
