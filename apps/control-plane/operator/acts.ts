import { create } from '@bufbuild/protobuf';
import type { FleetNode, FleetTask, FleetVm, VmAction } from '../../api/fleet.ts';
import { ApiError } from '../../http/error.ts';
import {
  RebootVmSchema,
  SetMaintenanceSchema,
  ShutdownVmSchema,
  StartVmSchema,
  StopVmSchema,
} from '../../proto/gen/quantix/v1/task_pb.js';
import type { Database, Executor } from '../database/database.ts';
import { notifyStream } from '../database/repositories/announcements.ts';
import { readFleetNodes, readFleetVms, withNodes } from '../database/repositories/fleet.ts';
import { endMaintenance, setNodePhase, wantFullState } from '../database/repositories/nodes.ts';
import {
  createTask,
  enterTask,
  expireTasks,
  findTask,
  type TaskVerb,
} from '../database/repositories/tasks.ts';

/* Actions of people on nodes and what is on them, shared by the command line and the HTTP API. */

/** Milliseconds within which a host must receive the task that sets its maintenance: the host may be switched off. */
const MAINTENANCE_LASTS = 24 * 60 * 60 * 1000;

type Db = Database['db'];

/** Who acts, and when. */
export interface Act {
  readonly by: string;
  readonly now: Date;
}

/** @throws ApiError 404 */
export async function readNode(db: Executor, id: string, now: Date): Promise<FleetNode> {
  const [node] = await readFleetNodes(db, { now, id });
  if (node === undefined) throw new ApiError(404, 'there is no such node, or no longer');
  return node;
}

/** @throws ApiError 404 */
export async function readVm(db: Executor, id: string, now: Date): Promise<FleetVm> {
  const [vm] = await readFleetVms(db, { now, id, limit: 1 });
  if (vm === undefined) throw new ApiError(404, 'there is no such virtual machine, or no longer');
  return vm;
}

/** @throws ApiError 404 */
export async function readTask(db: Executor, id: string, now: Date): Promise<FleetTask> {
  await expireTasks(db, now);
  const row = await findTask(db, id);
  const [task] = row === undefined ? [] : await withNodes(db, [row]);
  if (task === undefined)
    throw new ApiError(404, 'there is no such task, or it was removed together with its node');
  return task;
}

/** @throws ApiError 409 if a node has left: orders no longer reach it */
function refuseLeft({ hostname, leftAt }: FleetNode): void {
  if (leftAt === null) return;
  throw new ApiError(409, `${hostname} has left, at ${leftAt}`, {
    fix: 'It comes back with a new join token.',
  });
}

/** Requests the full state of a node, at once if it is connected. @throws ApiError 404; 409 if it has left */
export async function resyncNode(db: Db, id: string, { by, now }: Act): Promise<FleetNode> {
  refuseLeft(await readNode(db, id, now));
  await wantFullState(db, id, { by, now });
  await notifyStream(db, id);
  return await readNode(db, id, now);
}

/** Starts or ends a node's maintenance. @returns the task for the host @throws ApiError 404; 409 if it has left */
export async function setMaintenance(
  db: Db,
  id: string,
  { on, reason, by, now }: Act & { on: boolean; reason: string },
): Promise<FleetTask> {
  const node = await readNode(db, id, now);
  refuseLeft(node);
  const { hostname, isHeard } = node;
  // MAINTENANCE hides that a node is silent. When it ends, a node that is not heard becomes DISCONNECTED.
  const after = isHeard ? 'READY' : 'DISCONNECTED';
  const value = create(SetMaintenanceSchema, { enabled: on, reason });
  // Together: a phase without its task would leave the host out of its own maintenance, or in it.
  const task = await db.transaction().execute(async (transaction) => {
    await (on
      ? setNodePhase(transaction, id, 'MAINTENANCE')
      : endMaintenance(transaction, id, after));
    return await enterTask(transaction, {
      ...{ nodeId: id, requestedBy: by, objectName: hostname },
      verb: { case: 'setMaintenance', value },
      expiresAt: new Date(now.getTime() + MAINTENANCE_LASTS),
    });
  });
  return (await withNodes(db, [task]))[0]!;
}

/**
 * Starts an action of a virtual machine on its node.
 * @returns the new task
 * @throws ApiError 404; 409 if no node can do it
 */
export async function actOnVm(
  db: Db,
  id: string,
  { action, expiresInSeconds, by, now }: Act & { action: VmAction; expiresInSeconds: number },
): Promise<FleetTask> {
  const { name, nodeId, known, lostReason } = await readVm(db, id, now);
  if (nodeId === null || known === 'lost') {
    const why = lostReason === null ? 'it is on no node' : `it is lost: ${lostReason}`;
    throw new ApiError(409, `${name} cannot be controlled: ${why}`);
  }
  refuseLeft(await readNode(db, nodeId, now));
  const task = await createTask(db, {
    ...{ nodeId, verb: verbOf(action, id), requestedBy: by, objectName: name },
    expiresAt: new Date(now.getTime() + expiresInSeconds * 1000),
  });
  return (await withNodes(db, [task]))[0]!;
}

function verbOf(action: VmAction, vmId: string): TaskVerb {
  switch (action) {
    case 'start':
      return { case: 'startVm', value: create(StartVmSchema, { vmId }) };
    case 'shutdown':
      return { case: 'shutdownVm', value: create(ShutdownVmSchema, { vmId }) };
    case 'stop':
      return { case: 'stopVm', value: create(StopVmSchema, { vmId }) };
    case 'reboot':
      return { case: 'rebootVm', value: create(RebootVmSchema, { vmId }) };
  }
}
