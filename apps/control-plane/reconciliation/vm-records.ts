import { type RawBuilder, sql } from 'kysely';
import type { Executor } from '../database/database.ts';
import { raiseAlert } from '../database/repositories/alerts.ts';
import { computeSilenceLimit, DECIDED } from './phase.ts';
import type { Claim, KnownVm, KnownVms, PowerState, ReportedVm, VmChanges } from './reconcile.ts';

/** Project and folder of virtual machines that hosts reported and nobody has adopted yet; created by the migrations. */
const DISCOVERED_PROJECT = '00000000-0000-0000-0000-000000000002';
const DISCOVERED_FOLDER = '10000000-0000-0000-0000-000000000003';

/** Title of the alert about a virtual machine that several nodes run. */
const CONFLICT = 'Several nodes run this virtual machine';

/** A node's claims, by id of the virtual machine. */
export type OwnClaims = Map<string, { powerState: PowerState; report: Uint8Array }>;

/** Reads a node's last reports on virtual machines. */
export async function readClaims(db: Executor, nodeId: string): Promise<OwnClaims> {
  const { rows } = await sql<{ vmId: string; powerState: PowerState; report: Uint8Array }>`
    SELECT vm_id, power_state, report FROM reported_vms WHERE node_id = ${nodeId}`.execute(db);
  return new Map(rows.map(({ vmId, powerState, report }) => [vmId, { powerState, report }]));
}

/** Reads a node's last reports on virtual machines, and the ids of those that are recorded on it without a report. */
export async function readClaimsAndPlaced(
  db: Executor,
  nodeId: string,
): Promise<{ own: OwnClaims; placed: string[] }> {
  const { rows } = await sql<{ vmId: string; powerState: PowerState | null; report: Uint8Array }>`
    SELECT vm_id, power_state, report FROM reported_vms WHERE node_id = ${nodeId}
    UNION ALL
    SELECT id::text, NULL, NULL FROM virtual_machines AS vm
    WHERE node_id = ${nodeId}
      AND NOT EXISTS (SELECT FROM reported_vms WHERE node_id = ${nodeId} AND vm_id = vm.id::text)`.execute(
    db,
  );
  const own: OwnClaims = new Map();
  const placed: string[] = [];
  for (const { vmId, powerState, report } of rows) {
    if (powerState === null) placed.push(vmId);
    else own.set(vmId, { powerState, report });
  }
  return { own, placed };
}

/** Reads what is known of virtual machines, and other nodes' claims on them. @param ids UUIDs, in lower case */
export async function readKnownVms(
  db: Executor,
  nodeId: string,
  { ids, own, now }: { ids: readonly string[]; own: OwnClaims; now: Date },
): Promise<KnownVms> {
  const { rows: vms } = await sql<KnownVm>`
    SELECT vm.id, vm.node_id, power_state, is_managed, lost_at IS NOT NULL AS is_lost,
      last_seen IS NOT NULL AS was_seen,
      coalesce((SELECT array_agg(n::text ORDER BY n::text) FROM unnest(conflict.node_ids) AS n), '{}') AS conflict
    FROM virtual_machines AS vm LEFT JOIN vm_conflicts AS conflict ON conflict.vm_id = vm.id
    WHERE vm.id = ANY (${ids}::uuid[])`.execute(db);
  const { rows: claims } = await sql<Claim & { vmId: string }>`
    SELECT claim.vm_id, claim.node_id, claim.power_state,
      CASE WHEN node.phase = ANY (${[...DECIDED]}::text[])
        THEN coalesce(beat.received_at >= ${computeSilenceLimit(now)}, true)
        ELSE node.phase <> 'DISCONNECTED' END AS is_heard
    FROM reported_vms AS claim JOIN nodes AS node ON node.id = claim.node_id
    LEFT JOIN node_heartbeats AS beat ON beat.node_id = node.id
    WHERE claim.vm_id = ANY (${ids}::text[]) AND claim.node_id <> ${nodeId}`.execute(db);
  return {
    own,
    vms: new Map(vms.map((vm) => [vm.id, vm])),
    others: Map.groupBy(claims, ({ vmId }) => vmId),
  };
}

/**
 * Writes changes with one statement per table and kind of change; kinds without changes need none. The transaction must
 * have locked the node before its claims were read: no other one may have recorded a claim that is new.
 */
export async function applyVmChanges(
  db: Executor,
  nodeId: string,
  changes: VmChanges,
  now: Date,
): Promise<void> {
  const { claimed, changed, unclaimed, discovered, placed, unknown, lost, removed } = changes;
  // For each row, ON CONFLICT looks into the index before it inserts.
  if (claimed.length > 0) await insertClaims(nodeId, claimed, sql``).execute(db);
  if (changed.length > 0) {
    const replace = sql`
      ON CONFLICT (node_id, vm_id) DO UPDATE SET power_state = excluded.power_state, report = excluded.report`;
    await insertClaims(nodeId, changed, replace).execute(db);
  }
  if (unclaimed.length > 0) {
    await sql`
      DELETE FROM reported_vms
      WHERE node_id = ${nodeId} AND vm_id = ANY (${unclaimed}::text[])`.execute(db);
  }
  if (discovered.length > 0) {
    await sql`
      INSERT INTO virtual_machines
        (id, name, project_id, folder_id, origin, is_managed, node_id, power_state, last_seen)
      SELECT sent.id, sent.name, ${DISCOVERED_PROJECT}, ${DISCOVERED_FOLDER}, 'host-discovered', false,
        sent.node_id, sent.power_state, ${now}
      FROM unnest(
        ${discovered.map(({ id }) => id)}::uuid[],
        ${discovered.map(({ name }) => name)}::text[],
        ${discovered.map((vm) => vm.nodeId)}::uuid[],
        ${discovered.map(({ powerState }) => powerState)}::text[]
      ) AS sent (id, name, node_id, power_state)`.execute(db);
  }
  if (placed.length > 0) {
    await sql`
      UPDATE virtual_machines AS vm
      SET node_id = sent.node_id, power_state = sent.power_state, last_seen = ${now},
        lost_reason = NULL, lost_at = NULL
      FROM unnest(
        ${placed.map(({ id }) => id)}::uuid[],
        ${placed.map((vm) => vm.nodeId)}::uuid[],
        ${placed.map(({ powerState }) => powerState)}::text[]
      ) AS sent (id, node_id, power_state)
      WHERE vm.id = sent.id`.execute(db);
  }
  if (unknown.length > 0) {
    await sql`
      UPDATE virtual_machines SET power_state = 'UNKNOWN'
      WHERE id = ANY (${unknown}::uuid[])`.execute(db);
  }
  if (lost.length > 0) await markLost(db, lost, now);
  if (removed.length > 0) {
    await sql`
      DELETE FROM virtual_machines
      WHERE id = ANY (${removed}::uuid[]) AND NOT is_managed`.execute(db);
  }
  await applyConflicts(db, changes, now);
}

function insertClaims(
  nodeId: string,
  vms: readonly ReportedVm[],
  onConflict: RawBuilder<unknown>,
): RawBuilder<unknown> {
  return sql`
    INSERT INTO reported_vms (node_id, vm_id, power_state, report)
    SELECT ${nodeId}, sent.id, sent.power_state, sent.report FROM unnest(
      ${vms.map(({ id }) => id)}::text[],
      ${vms.map(({ powerState }) => powerState)}::text[],
      ${vms.map(({ report }) => Buffer.from(report))}::bytea[]
    ) AS sent (id, power_state, report) ${onConflict}`;
}

async function markLost(db: Executor, ids: readonly string[], now: Date): Promise<void> {
  await sql`
    UPDATE virtual_machines
    SET power_state = 'UNKNOWN', lost_reason = 'its host does not have it any more', lost_at = ${now}
    WHERE id = ANY (${ids}::uuid[])`.execute(db);
}

/** Records conflicts, with one alert each, which is resolved when the conflict ends. */
export async function applyConflicts(
  db: Executor,
  {
    conflicts,
    settled,
    removed = [],
  }: Pick<VmChanges, 'conflicts' | 'settled'> & Partial<VmChanges>,
  now: Date,
): Promise<void> {
  for (const { vmId, nodeIds } of conflicts) {
    await sql`
      INSERT INTO vm_conflicts (vm_id, node_ids, since) VALUES (${vmId}, ${nodeIds}::uuid[], ${now})
      ON CONFLICT (vm_id) DO UPDATE SET node_ids = excluded.node_ids`.execute(db);
    const { rows } = await sql<{ name: string; hostnames: string[] }>`
      SELECT name, (SELECT array_agg(hostname ORDER BY id) FROM nodes WHERE id = ANY (${nodeIds}::uuid[])) AS hostnames
      FROM virtual_machines WHERE id = ${vmId}`.execute(db);
    await raiseAlert(db, {
      severity: 'CRITICAL',
      title: CONFLICT,
      message: `${rows[0]?.hostnames.join(' and ')} say that they run it: its disks may be written twice`,
      sourceType: 'VM',
      sourceId: vmId,
      sourceName: rows[0]?.name ?? '',
    });
  }
  const over = [...settled, ...removed];
  if (over.length === 0) return;
  await sql`DELETE FROM vm_conflicts WHERE vm_id = ANY (${over}::uuid[])`.execute(db);
  await sql`
    UPDATE alerts SET resolved_at = ${now}
    WHERE source_type = 'VM' AND source_id = ANY (${over}::uuid[]) AND title = ${CONFLICT}
      AND resolved_at IS NULL`.execute(db);
}
