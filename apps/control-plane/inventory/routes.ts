import { messageOf } from '../../error.ts';
import { ApiError } from '../../http/error.ts';
import { makeJsonAnswer, type Route } from '../../http/route.ts';
import { type Cache, remember } from '../cache/cache.ts';
import type { Database } from '../database/database.ts';
import { countInventory, inventorySchema } from '../database/repositories/inventory.ts';

/** Seconds for which counts are cached: consoles and pages request them every few seconds. */
const COUNT_LASTS = 5;

/** What the routes use. */
export interface InventorySources {
  readonly database: Database;
  readonly cache: Cache;
}

/** Creates the route `/inventory`: counts of nodes, virtual machines and storage pools by state, up to 5 s old. */
export function createInventoryRoutes({ database, cache }: InventorySources): Route[] {
  const entry = { key: 'inventory', schema: inventorySchema, seconds: COUNT_LASTS };
  return [
    {
      method: 'GET',
      path: '/inventory',
      answer: async () => {
        try {
          return makeJsonAnswer(await remember(cache, entry, () => countInventory(database.db)));
        } catch (error) {
          const why = messageOf(error);
          throw new ApiError(503, `the inventory cannot be counted: ${why}`, {
            fix: '/readyz shows the state of the database.',
          });
        }
      },
    },
  ];
}
