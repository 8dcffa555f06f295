import * as z from 'zod';
import { type PoolRequest, poolSchema } from '../../api/storage.ts';
import { UsageError } from '../../process/command-line.ts';
import { makePrintable } from '../../text/printable.ts';
import { askAgent } from './ask-agent.ts';
import { describePool } from './describe.ts';
import type { PoolValues } from './pool-options.ts';

/** Makes a request from options. @throws UsageError if they do not describe one pool */
export function makePoolRequest(
  action: PoolRequest['action'],
  name: string,
  values: PoolValues,
): PoolRequest {
  const { disk: disks, lvm, destroy, iscsi: target, portal: portals, option: options } = values;
  const { nfs, directory, path } = values;
  const kinds = [disks ?? target, nfs, directory].filter((one) => one !== undefined);
  if (kinds.length !== 1) {
    throw new UsageError(
      'a pool needs one of --disk, --iscsi, --nfs and --directory; only --disk and --iscsi can be combined',
    );
  }
  if ((target === undefined) !== (portals === undefined)) {
    throw new UsageError('--iscsi TARGET and --portal ADDRESS go together');
  }
  if (action === 'import' && (lvm ?? destroy) !== undefined) {
    throw new UsageError('--lvm and --destroy are options of create only');
  }
  const iscsi = target === undefined || portals === undefined ? undefined : { target, portals };
  return { action, pool: { name, path, nfs, directory, iscsi, options }, disks, lvm, destroy };
}

/**
 * Makes the running agent create or import a pool.
 * @returns a description of the pool, in one line
 * @throws AnswerError that says why it failed
 */
export async function addPool(socketPath: string, request: PoolRequest): Promise<string> {
  const pool = await askAgent({
    socketPath,
    method: 'POST',
    path: '/v1/storage-pools',
    body: JSON.stringify(request),
    schema: poolSchema.nullable(),
    timeLimit: TIME_LIMIT,
  });
  return pool === null ? `${request.pool.name} is not seen yet` : makePrintable(describePool(pool));
}

/**
 * Makes the running agent remove a pool.
 * @throws AnswerError that says why the pool was not removed
 */
export async function removePool(socketPath: string, name: string): Promise<void> {
  const path = `/v1/storage-pools/${encodeURIComponent(name)}`;
  await askAgent({ socketPath, method: 'DELETE', path, schema: z.null(), timeLimit: TIME_LIMIT });
}

/** Milliseconds for reading, writing and mounting disks. */
const TIME_LIMIT = 300_000;
