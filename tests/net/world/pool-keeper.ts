import { execFileSync } from 'node:child_process';
import { z } from 'zod';
import { poolDeclarationsSchema } from '../../../apps/storage/declaration.ts';
import { PoolKeeper } from '../../../apps/storage/keeper.ts';
import { StorageReader } from '../../../apps/storage/pools.ts';

/**
 * Runs steps, each of which consists of shell text and the pools that are declared afterwards; writes the state of the
 * declared pools after each step, as JSON. Arguments: the steps as JSON, devices.
 */
const [told = '[]', ...devices] = process.argv.slice(2);
const stepSchema = z.object({ run: z.string(), declared: poolDeclarationsSchema });
const keeper = new PoolKeeper({
  devices: async () => devices.map((path) => ({ path, serial: path, isMultipath: false })),
});
let declarations: z.infer<typeof poolDeclarationsSchema> = [];
const problemOf = (name: string) => keeper.problemOf(name);
const reader = new StorageReader({ declarations: () => declarations, problemOf });
const looks = [];
for (const { run, declared } of z.array(stepSchema).parse(JSON.parse(told))) {
  execFileSync('sh', ['-e', '-c', run], { stdio: ['ignore', 'ignore', 'inherit'] });
  declarations = declared;
  await keeper.bringUp(declarations, { patience: 60_000 });
  const { pools } = await reader.read();
  looks.push(pools.filter(({ name }) => declared.some((one) => one.name === name)));
}
console.log(JSON.stringify(looks));
