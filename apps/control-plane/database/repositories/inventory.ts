import { sql } from 'kysely';
import * as z from 'zod';
import type { Executor } from '../database.ts';

const counts = z.record(z.string(), z.int().nonnegative());

/** Counts by state; states without any are absent. */
export const inventorySchema = z.strictObject({
  /** By phase. */
  nodes: counts,
  /** By power state. */
  virtualMachines: counts,
  /** By phase. */
  storagePools: counts,
});

export type Inventory = z.output<typeof inventorySchema>;

/** Counts nodes, virtual machines and storage pools, in one statement that reads all their rows. */
export async function countInventory(db: Executor): Promise<Inventory> {
  const { rows } = await sql<{ kind: keyof Inventory; state: string; count: number }>`
    SELECT 'nodes' AS kind, phase AS state, count(*) FROM nodes GROUP BY phase
    UNION ALL
    SELECT 'virtualMachines', power_state, count(*) FROM virtual_machines GROUP BY power_state
    UNION ALL
    SELECT 'storagePools', phase, count(*) FROM storage_pools GROUP BY phase`.execute(db);
  const inventory: Inventory = { nodes: {}, virtualMachines: {}, storagePools: {} };
  for (const { kind, state, count } of rows) inventory[kind][state] = count;
  return inventory;
}
