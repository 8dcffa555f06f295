import { readFile } from 'node:fs/promises';
import { parseNodeConfig } from '../control/config.ts';
import { codeOf } from '../process/code-of.ts';
import { poolDeclarationsSchema } from '../storage/declaration.ts';
import { PoolKeeper } from '../storage/keeper.ts';

/** What the host is told about its pools. */
export const NODE_CONFIG = '/quantix/node/node.yaml';

/** Milliseconds for which a boot waits for pools; the agent goes on with those that are not up. */
const PATIENCE = 20_000;

/**
 * Brings the pools up that `node.yaml` declares, as the host boots.
 * @returns why those that are not up are not, a line each
 * @throws ControlError if the file cannot be read: the agent sets it aside
 */
export async function bringUpPools(file: string, signal: AbortSignal): Promise<string[]> {
  const text = await readIfThere(file);
  const { pools } = await parseNodeConfig(text, { file, pools: poolDeclarationsSchema });
  const keeper = new PoolKeeper();
  await keeper.bringUp(pools, { patience: PATIENCE, signal });
  return pools.flatMap(({ name }) => {
    const problem = keeper.problemOf(name);
    return problem === undefined ? [] : `${name}: ${problem}`;
  });
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}
