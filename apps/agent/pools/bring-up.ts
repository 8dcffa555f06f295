import { dirname, join } from 'node:path';
import { readIfThere } from '../../files/durable-file.ts';
import { poolDeclarationsSchema } from '../../storage/declaration.ts';
import { PoolKeeper } from '../../storage/keeper.ts';
import { parseNodeConfig } from '../configuration/node-config.ts';
import { ASSIGNED_POOLS, readAssigned } from './assigned-pools.ts';

/** The node's configuration, with its pools. */
export const NODE_CONFIG = '/quantix/node/node.yaml';

/** Milliseconds that a boot waits for pools; the agent continues with those that are not up. */
const PATIENCE = 20_000;

/**
 * Brings up the pools that `node.yaml` declares and the control plane assigned, when the host boots.
 * @param file path of `node.yaml`
 * @returns one line for each pool that is not up, with the reason
 * @throws AgentError if `node.yaml` cannot be parsed; the agent sets it aside when it starts
 */
export async function bringUpPools(file: string, signal: AbortSignal): Promise<string[]> {
  const text = (await readIfThere(file)) ?? '';
  const { pools } = await parseNodeConfig(text, { file, pools: poolDeclarationsSchema });
  const assigned = await readAssigned(join(dirname(file), ASSIGNED_POOLS));
  const names = new Set(pools.map(({ name }) => name));
  const all = [...pools, ...assigned.filter(({ name }) => !names.has(name))];
  const keeper = new PoolKeeper();
  const over = new AbortController();
  await keeper.bringUp(all, {
    patience: PATIENCE,
    signal: AbortSignal.any([signal, over.signal]),
  });
  const late = keeper.trying().map(({ name }) => name);
  over.abort();
  return all.flatMap(({ name }) => {
    const problem = late.includes(name) ? 'does not come up in time' : keeper.problemOf(name);
    return problem === undefined ? [] : [`${name}: ${problem}`];
  });
}
