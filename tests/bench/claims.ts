import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import pLimit from 'p-limit';
import { Pool } from 'pg';
import type { DatabaseAddress } from '../../apps/control-plane/database/connection.ts';
import type { Database } from '../../apps/control-plane/database/database.ts';
import { registerNode } from '../../apps/control-plane/database/repositories/nodes.ts';
import type { ReportedVm, VmChanges } from '../../apps/control-plane/reconciliation/reconcile.ts';
import { readVm } from '../../apps/control-plane/reconciliation/reports.ts';
import { applyVmChanges } from '../../apps/control-plane/reconciliation/vm-records.ts';
import { PowerState, VirtualMachineSchema } from '../../apps/proto/gen/quantix/v1/vm_pb.js';
import { type Figure, median, secondsOf } from './measure.ts';

/** Number of nodes that report in a round, of virtual machines per node, and of nodes that report at the same time. */
const NODES = 200;
const MACHINES = 50;
const AT_ONCE = 10;

/** Upper limit of the time as a multiple of the floor's: at this limit, the rate is 0.8 of the floor's. */
const LIMIT = 1 / 0.8;

/** Reports of a node on its virtual machines: the first, and one after all have changed. */
interface Reports {
  readonly node: string;
  readonly first: readonly ReportedVm[];
  readonly changed: readonly ReportedVm[];
}

/** Records a node's report on all its virtual machines, in a table that can be emptied. */
interface Recorder {
  readonly empty: () => Promise<unknown>;
  /** @param kind whether the table has no rows of the node yet, or rows with other reports of the same machines */
  readonly record: (
    node: string,
    vms: readonly ReportedVm[],
    kind: 'claimed' | 'changed',
  ) => Promise<unknown>;
}

/** Seconds of a round. */
interface Round {
  readonly first: number;
  readonly changed: number;
}

const NO_CHANGES: VmChanges = {
  ...{
    claimed: [],
    changed: [],
    unclaimed: [],
    discovered: [],
    placed: [],
    unknown: [],
    lost: [],
    removed: [],
  },
  ...{ conflicts: [], settled: [], rejected: [] },
};

/**
 * Measures the statement that records one node's report on 50 virtual machines against the floor: a bare `INSERT …
 * SELECT unnest … ON CONFLICT … WHERE distinct` of the same rows into a table with nothing but its key, sent by
 * node-postgres without any program around it. Both write to the same server, by turns, from as many connections.
 *
 * Beyond the floor, the real table has an index by virtual machine and a foreign key. Its statements do not compare
 * rows: the program has compared them before, and knows which are new. The other work of a full state (reading the known rows, rows of
 * discovered virtual machines, events, the position) is not measured here; `measureDatabase` measures whole full
 * states.
 * @param address of the database, for its owner, who may create a table
 */
export async function measureClaims(
  database: Database,
  address: DatabaseAddress,
  runs: number,
): Promise<Figure[]> {
  const { socketFolder: host, ...rest } = address;
  const pool = new Pool({ host, ...rest, max: AT_ONCE });
  // A connection may still be open when the server is stopped after all is measured.
  pool.on('error', () => undefined);
  const reports = await makeReports(database);
  try {
    await pool.query(`CREATE TABLE floor_claims (
      node_id uuid, vm_id text, power_state text NOT NULL, report bytea NOT NULL, PRIMARY KEY (node_id, vm_id))`);
    const recorders = { floor: floorOf(pool), own: ownOf(database) };
    const rounds: { floor: Round; own: Round }[] = [];
    for (let run = 0; run < runs; run += 1) {
      // Each of the two recorders is first in every other run, because the second one may have to wait until the pages
      // of the first one are written.
      if (run % 2 === 0) {
        const floor = await play(recorders.floor, reports);
        rounds.push({ floor, own: await play(recorders.own, reports) });
      } else {
        const own = await play(recorders.own, reports);
        rounds.push({ floor: await play(recorders.floor, reports), own });
      }
    }
    return [
      figureOf('new', rounds, ({ first }) => first),
      figureOf('changed', rounds, ({ changed }) => changed),
    ];
  } finally {
    await pool.query('DROP TABLE IF EXISTS floor_claims');
    await pool.query('DELETE FROM nodes WHERE id = ANY ($1)', [reports.map(({ node }) => node)]);
    await pool.end();
  }
}

function floorOf(pool: Pool): Recorder {
  return {
    empty: () => pool.query('TRUNCATE floor_claims'),
    record: (node, vms) =>
      pool.query(
        `INSERT INTO floor_claims (node_id, vm_id, power_state, report)
         SELECT $1::uuid, sent.* FROM unnest($2::text[], $3::text[], $4::bytea[]) AS sent
         ON CONFLICT (node_id, vm_id) DO UPDATE
         SET power_state = excluded.power_state, report = excluded.report
         WHERE (floor_claims.power_state, floor_claims.report)
           IS DISTINCT FROM (excluded.power_state, excluded.report)`,
        [
          node,
          vms.map(({ id }) => id),
          vms.map(({ powerState }) => powerState),
          vms.map(({ report }) => Buffer.from(report)),
        ],
      ),
  };
}

function ownOf({ db }: Database): Recorder {
  const now = new Date();
  return {
    empty: () => sql`TRUNCATE reported_vms`.execute(db),
    record: (node, vms, kind) => applyVmChanges(db, node, { ...NO_CHANGES, [kind]: vms }, now),
  };
}

async function play({ empty, record }: Recorder, reports: readonly Reports[]): Promise<Round> {
  await empty();
  const all = (work: (one: Reports) => Promise<unknown>) => {
    const limit = pLimit(AT_ONCE);
    return secondsOf(() => Promise.all(reports.map((one) => limit(() => work(one)))));
  };
  return {
    first: await all(({ node, first }) => record(node, first, 'claimed')),
    changed: await all(({ node, changed }) => record(node, changed, 'changed')),
  };
}

function figureOf(
  which: string,
  rounds: readonly { floor: Round; own: Round }[],
  of: (round: Round) => number,
): Figure {
  const perSecond = (seconds: readonly number[]) => (NODES / median(seconds)).toFixed(0);
  const own = rounds.map((round) => of(round.own));
  const floor = rounds.map((round) => of(round.floor));
  return {
    what: `statement with 50 ${which} virtual machines, against the floor`,
    value: median(own.map((seconds, index) => seconds / (floor[index] ?? Number.NaN))),
    limit: LIMIT,
    unit: '×',
    note: `${perSecond(own)} nodes/s, floor ${perSecond(floor)} nodes/s`,
  };
}

async function makeReports({ db }: Database): Promise<Reports[]> {
  const reports = Array.from({ length: NODES }, () => {
    const machines = Array.from({ length: MACHINES }, (_, number) => ({
      ...{ id: randomUUID(), name: `vm-${number}`, cpus: 2, memoryBytes: 1n << 31n },
    }));
    const as = (powerState: PowerState) =>
      machines.map((machine) => readVm(create(VirtualMachineSchema, { ...machine, powerState })));
    return {
      node: randomUUID(),
      first: as(PowerState.RUNNING),
      changed: as(PowerState.SHUT_OFF),
    };
  });
  for (const { node: id } of reports) {
    await registerNode(db, { id, hostname: 'host', managementIp: null, spec: {} });
  }
  return reports;
}
