import { z } from 'zod';
import { poolRequestSchema } from '../../../apps/api/storage.ts';
import { StorageError } from '../../../apps/storage/error.ts';
import { createPool, importPool } from '../../../apps/storage/make-pool.ts';

/**
 * Creates or imports a pool, and writes its declaration as JSON, or the reason for the failure as text. Arguments: the
 * request as JSON, and the serial number of each disk.
 */
const [asked = '{}', serials = '{}'] = process.argv.slice(2);
const { action, ...request } = poolRequestSchema.parse(JSON.parse(asked));
const known = z.record(z.string(), z.string().nullable()).parse(JSON.parse(serials));
const devices = async () =>
  Object.entries(known).map(([path, serial]) => ({ path, serial, isMultipath: false }));
try {
  const make = action === 'create' ? createPool : importPool;
  console.log(JSON.stringify(await make(request, { devices })));
} catch (error) {
  if (!(error instanceof StorageError)) throw error;
  console.log(JSON.stringify(error.message));
}
