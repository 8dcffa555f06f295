import { messageOf } from '../../error.ts';
import { ApiError } from '../../http/error.ts';
import { json, type Route } from '../../http/route.ts';
import { type Cache, remember } from '../cache/cache.ts';
import type { Database } from '../database/database.ts';
import { countInventory, inventorySchema } from '../database/repositories/inventory.ts';

/** Seconds for which a count is as good as a new one: consoles and pages ask every few seconds, each. */
const COUNT_LASTS = 5;

/** What the routes tell of. */
export interface InventorySources {
  readonly database: Database;
  readonly cache: Cache;
}

/** `/inventory`: how many nodes, virtual machines and storage pools there are, by state; up to 5 s old. */
export function inventoryRoutes({ database, cache }: InventorySources): Route[] {
  const entry = { key: 'inventory', schema: inventorySchema, seconds: COUNT_LASTS };
  return [
    {
      method: 'GET',
      path: '/inventory',
      answer: async () => {
        try {
          return json(await remember(cache, entry, () => countInventory(database.db)));
        } catch (error) {
          const why = messageOf(error);
          throw new ApiError(503, `the inventory cannot be counted: ${why}`, {
            fix: '/readyz tells how the database fares.',
          });
        }
      },
    },
  ];
}
