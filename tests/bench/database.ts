import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import pLimit from 'p-limit';
import { DATABASE } from '../../apps/control-plane/database/connection.ts';
import { type Database, openDatabase } from '../../apps/control-plane/database/database.ts';
import { migrateUp } from '../../apps/control-plane/database/migrate.ts';
import { registerNode } from '../../apps/control-plane/database/repositories/nodes.ts';
import {
  type ReportedVirtualMachine,
  recordReportedVirtualMachines,
} from '../../apps/control-plane/database/repositories/virtual-machines.ts';
import { startPostgresql } from '../../tasks/control-plane/postgresql.ts';
import { makeServicesFolder } from '../../tasks/control-plane/service.ts';
import { MIGRATIONS, SILENT } from '../database/database.ts';
import { type Figure, median, secondsOf } from './measure.ts';

/** A fleet: hosts, and virtual machines of each. */
const HOSTS = 1_000;
const MACHINES = 50;

/** Hosts that report at once. */
const AT_ONCE = 10;

/** One host's list, as it sends it. */
interface Report {
  readonly host: string;
  readonly machines: readonly ReportedVirtualMachine[];
}

/**
 * Measures what reports of hosts cost, on a PostgreSQL with the appliance's settings. The floor, one such statement without any
 * program around it on two cores, is 3.7 to 7 ms, and 0.8 s for all 50,000 machines.
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
  const single = await measureOneByOne(database, runs * 10);
  const reports = await makeReports(database, HOSTS);
  const fleet = await secondsOf(() => sendAll(database, reports));
  const again = await secondsOf(() => sendAll(database, reports));
  const of = `${HOSTS * MACHINES} virtual machines, ${AT_ONCE} hosts at once`;
  return [
    { what: 'report of 50 new virtual machines', value: single.first, limit: 15, unit: 'ms' },
    { what: 'the same report again', value: single.again, limit: 10, unit: 'ms' },
    { what: 'reports of 1,000 hosts', value: fleet, limit: 5, unit: 's', note: of },
    { what: 'the same reports again', value: again, limit: 2.5, unit: 's', note: of },
  ];
}

/** Milliseconds of a report, when nothing else goes on. */
async function measureOneByOne(
  database: Database,
  hosts: number,
): Promise<{ first: number; again: number }> {
  const first: number[] = [];
  const again: number[] = [];
  for (const report of await makeReports(database, hosts)) {
    first.push(1000 * (await secondsOf(() => send(database, report))));
    again.push(1000 * (await secondsOf(() => send(database, report))));
  }
  return { first: median(first), again: median(again) };
}

/** Hosts that are nodes already, with what they are going to report. */
async function makeReports(database: Database, count: number): Promise<Report[]> {
  const reports = Array.from({ length: count }, (_, index) => ({
    host: randomUUID(),
    machines: Array.from({ length: MACHINES }, (_unused, number) => ({
      id: randomUUID(),
      name: `vm-${index}-${number}`,
      powerState: 'RUNNING' as const,
    })),
  }));
  for (const { host } of reports) {
    await registerNode(database.db, { id: host, hostname: 'host', managementIp: null, spec: {} });
  }
  return reports;
}

async function sendAll(database: Database, reports: readonly Report[]): Promise<void> {
  const limit = pLimit(AT_ONCE);
  await Promise.all(reports.map((report) => limit(() => send(database, report))));
}

function send({ db }: Database, { host, machines }: Report): Promise<string[]> {
  return recordReportedVirtualMachines(db, host, machines);
}
