import { execFileSync } from 'node:child_process';
import { z } from 'zod';
import { readNodeConfig } from '../../../apps/agent/configuration/node-config.ts';
import { PoolManager } from '../../../apps/agent/pools/pool-manager.ts';
import { poolRequestSchema } from '../../../apps/api/storage.ts';
import { poolDeclarationsSchema } from '../../../apps/storage/declaration.ts';
import { isExplainedByStorage } from '../../../apps/storage/error.ts';
import { PoolKeeper } from '../../../apps/storage/keeper.ts';

/**
 * Carries out requests to an agent one after another, with `/mnt/node.yaml`; writes the outcome of each as JSON:
 * `done`, or the reason for the failure. Arguments: the steps as JSON (a request, a name to remove, or shell text),
 * devices.
 */
const [told = '[]', ...devices] = process.argv.slice(2);
const stepSchema = z.union([
  z.strictObject({ add: poolRequestSchema }),
  z.strictObject({ remove: z.string() }),
  z.strictObject({ run: z.string() }),
]);
const file = '/mnt/node.yaml';
const { signal } = new AbortController();
const keeper = new PoolKeeper({
  devices: async () => devices.map((path) => ({ path, serial: null, isMultipath: false })),
});
const { config } = await readNodeConfig(file, poolDeclarationsSchema);
await keeper.bringUp(config.pools, { patience: 60_000 });
const manager = new PoolManager({
  ...{ file, declared: config.pools, keeper, signal, onChange: () => undefined },
  ...{ assignedFile: '/mnt/assigned-pools.json', assigned: [] },
});
const outcomes: string[] = [];
for (const step of z.array(stepSchema).parse(JSON.parse(told))) {
  try {
    if ('run' in step) {
      outcomes.push(execFileSync('sh', ['-e', '-c', step.run], { encoding: 'utf8' }));
      continue;
    }
    await ('add' in step ? manager.add(step.add) : manager.remove(step.remove));
    outcomes.push('done');
  } catch (error) {
    if (!isExplainedByStorage(error)) throw error;
    outcomes.push(error.message);
  }
}
console.log(JSON.stringify(outcomes));
