import { poolDeclarationsSchema } from '../../../apps/storage/declaration.ts';
import { StorageReader } from '../../../apps/storage/pools.ts';

/**
 * Reads the storage pools twice, and writes both results as JSON. Arguments: declarations as JSON, the machine's root.
 */
const [declared = '[]', root = '/'] = process.argv.slice(2);
const declarations = poolDeclarationsSchema.parse(JSON.parse(declared));
const reader = new StorageReader({ declarations: () => declarations, root });
console.log(JSON.stringify([await reader.read(), await reader.read()]));
