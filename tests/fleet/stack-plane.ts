import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { Client } from 'pg';
import { actOnVm, createToken } from '../../apps/control-plane/operator/client.ts';
import { AnswerError } from '../../apps/http/ask.ts';
import { StoragePoolSchema } from '../../apps/proto/gen/quantix/v1/storage_pb.js';
import { VirtualMachineSchema } from '../../apps/proto/gen/quantix/v1/vm_pb.js';
import { hashPools, hashVms } from '../../apps/proto/state-hash.ts';
import { startEtcd } from '../../tasks/control-plane/etcd.ts';
import { findFreePort } from '../../tasks/control-plane/free-port.ts';
import { startPostgresql } from '../../tasks/control-plane/postgresql.ts';
import {
  askProgram,
  type ControlPlaneProgram,
  type ProgramOptions,
  type ServiceAddresses,
  startProgram,
} from '../../tasks/control-plane/program.ts';
import { startRedis } from '../../tasks/control-plane/redis.ts';
import { makeServicesFolder } from '../../tasks/control-plane/service.ts';
import type { Plane, Recorded } from './plane.ts';

/** Seconds; the shortest that etcd allows, so that a killed program is replaced soon. */
const LEADERSHIP = { lease: 3, renewEvery: 1, stepDownAfter: 2 };

/** Clock ticks a second of /proc/PID/stat (proc(5)), the same on every x86. */
const TICKS = 100;

const ACTIONS = { startVm: 'start', shutdownVm: 'shutdown' } as const;

/** The real control plane for a fleet: the program, with PostgreSQL, etcd and Redis of this host. */
export class StackPlane implements Plane, AsyncDisposable {
  readonly origin: string;
  readonly #parts: Parts;
  readonly #client: Client;
  readonly #ending: AsyncDisposableStack;
  #program: ControlPlaneProgram;

  private constructor(parts: Parts, client: Client, ending: AsyncDisposableStack) {
    this.origin = `https://127.0.0.1:${parts.port}`;
    this.#parts = parts;
    this.#program = parts.program;
    this.#client = client;
    this.#ending = ending;
  }

  /** @param programs command line of the programs; this project's sources if absent */
  static async start(programs?: Programs): Promise<StackPlane> {
    await using started = new AsyncDisposableStack();
    const folder = await makeServicesFolder('quantix-fleet-plane-');
    started.defer(() => rm(folder, { recursive: true, force: true }));
    const postgresql = await startPostgresql(join(folder, 'postgresql'));
    started.defer(() => postgresql.stop());
    const etcd = await startEtcd(join(folder, 'etcd'));
    started.defer(() => etcd.stop());
    const redis = await startRedis(join(folder, 'redis'));
    started.defer(() => redis.stop());
    const { socketFolder } = postgresql;
    const addresses = { socketFolder, etcd: etcd.address, redis: redis.socket };
    const port = await findFreePort();
    const program = await startAt({ folder, addresses, port, programs });
    const client = new Client({ host: socketFolder, user: 'quantix', database: 'quantix_vdc' });
    await client.connect();
    started.defer(() => client.end());
    return new StackPlane({ folder, addresses, port, programs, program }, client, started.move());
  }

  async token(): Promise<string> {
    const request = { description: 'a fleet', uses: 1, expiresInSeconds: 3600 };
    return (await createToken(request, { socket: this.#program.socket })).joinToken;
  }

  async recorded(form: number): Promise<Map<string, Recorded>> {
    const { rows } = await this.#client.query<Recorded & { id: string }>(
      `SELECT nodes.id, coalesce(host(management_ip), '') AS "managementAddress",
         coalesce(vms_hashes[$1], '') AS vms, coalesce(pools_hashes[$1], '') AS pools
       FROM nodes LEFT JOIN node_states ON node_states.node_id = nodes.id`,
      [form + 1],
    );
    return new Map(rows.map(({ id, ...node }) => [id, node]));
  }

  async contradictions(): Promise<string[]> {
    const form = 1;
    const recorded = await this.recorded(form);
    const [vms, pools] = [new Map<string, Buffer[]>(), new Map<string, Buffer[]>()];
    for (const [table, reports] of [
      ['reported_vms', vms],
      ['reported_pools', pools],
    ] as const) {
      const { rows } = await this.#client.query<{ node_id: string; reports: Buffer[] }>(
        `SELECT node_id, array_agg(report) AS reports FROM ${table} GROUP BY node_id`,
      );
      for (const row of rows) reports.set(row.node_id, row.reports);
    }
    const wrong: string[] = [];
    for (const [id, node] of recorded) {
      const machines = vms.get(id)?.map((report) => fromBinary(VirtualMachineSchema, report));
      const places = pools.get(id)?.map((report) => fromBinary(StoragePoolSchema, report));
      if (hashVms(machines ?? [], form) !== node.vms) wrong.push(`reports of VMs of ${id} differ`);
      if (hashPools(places ?? [], form) !== node.pools) {
        wrong.push(`reports of pools of ${id} differ`);
      }
    }
    return [...wrong, ...(await this.#misplaced())];
  }

  async act(_nodeId: string, verb: keyof typeof ACTIONS, vmId: string): Promise<void> {
    try {
      const request = { action: ACTIONS[verb], expiresInSeconds: 60 };
      await actOnVm(vmId, request, { socket: this.#program.socket });
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
    }
  }

  async overdue(): Promise<string[]> {
    const { rows } = await this.#client.query<{ id: string }>(
      'SELECT id FROM tasks WHERE finished_at IS NULL AND expires_at < now()',
    );
    return rows.map(({ id }) => id);
  }

  async openTasks(): Promise<number> {
    const { rows } = await this.#client.query('SELECT id FROM tasks WHERE finished_at IS NULL');
    return rows.length;
  }

  /** Reads the recorded power state of a virtual machine; undefined if it is not recorded. */
  async powerState(vmId: string): Promise<string | undefined> {
    const { rows } = await this.#client.query<{ power_state: string }>(
      'SELECT power_state FROM virtual_machines WHERE id = $1',
      [vmId],
    );
    return rows[0]?.power_state;
  }

  /** Counts the nodes that have sent a full state since a time of the database's clock. */
  async fullStatesSince(moment: Date): Promise<number> {
    const { rows } = await this.#client.query(
      'SELECT node_id FROM node_states WHERE full_state_at >= $1',
      [moment],
    );
    return rows.length;
  }

  /** Kills the program and starts it again. */
  async killAndRestart(): Promise<void> {
    this.#program.kill('SIGKILL');
    await this.#program.ended;
    this.#program = await startAt(this.#parts);
  }

  /** Reads the processor time of the program in seconds, and its resident memory in bytes. */
  async usage(): Promise<{ cpu: number; memory: number }> {
    const { pid } = this.#program;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13);
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const kilobytes = Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1]);
    return { cpu: (Number(user) + Number(system)) / TICKS, memory: kilobytes * 1024 };
  }

  /**
   * Reads how long the calls of a method took since the program has started.
   * @returns upper limits in seconds, ascending, each with the number of calls up to it
   */
  async callTimes(method: string): Promise<(readonly [limit: number, calls: number])[]> {
    const { body = '' } = (await askProgram(this.#program.socket, '/metrics')) ?? {};
    const line = /^quantix_controlplane_call_seconds_bucket\{method="(\w+)",le="(\S+)"\} (\d+)$/gm;
    return [...body.matchAll(line)]
      .filter(([, name]) => name === method)
      .map(([, , limit, calls]) => [limit === '+Inf' ? Infinity : Number(limit), Number(calls)]);
  }

  /** Returns the end of the program's log. */
  lastWords(): Promise<string> {
    return this.#program.lastWords();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.stop();
    await this.#ending.disposeAsync();
  }

  /**
   * Lists virtual machines that are recorded on another node than one that reports them, that no node reports although
   * they are not lost, or that are in conflict.
   */
  async #misplaced(): Promise<string[]> {
    const { rows } = await this.#client.query<{ line: string }>(`
      SELECT 'VM ' || vm_id || ' is not on its node ' || reported_vms.node_id AS line
      FROM reported_vms LEFT JOIN virtual_machines ON virtual_machines.id::text = vm_id
      WHERE virtual_machines.node_id IS DISTINCT FROM reported_vms.node_id
      UNION ALL
      SELECT 'VM ' || id || ' is on no host' FROM virtual_machines
      WHERE lost_at IS NULL AND NOT EXISTS (SELECT FROM reported_vms WHERE vm_id = virtual_machines.id::text)
      UNION ALL
      SELECT 'VM ' || vm_id || ' is in conflict' FROM vm_conflicts`);
    return rows.map(({ line }) => line);
  }
}

type Programs = NonNullable<ProgramOptions['programs']>;

/** The settings of a control plane. */
interface Place {
  readonly folder: string;
  readonly addresses: ServiceAddresses;
  readonly port: number;
  readonly programs: Programs | undefined;
}

interface Parts extends Place {
  readonly program: ControlPlaneProgram;
}

function startAt({ folder, addresses, port, programs }: Place) {
  const config = { leadership: LEADERSHIP, agents: { listen: '127.0.0.1', port } };
  const options = programs === undefined ? { config } : { config, programs };
  return startProgram(join(folder, 'controlplane'), addresses, options);
}
