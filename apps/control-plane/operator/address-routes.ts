import {
  type AddressOutcome,
  addressEndSchema,
  addressPlanSchema,
  type FleetAddress,
} from '../../api/address.ts';
import { readJson } from '../../http/body.ts';
import { ApiError } from '../../http/error.ts';
import { makeJsonAnswer, type Route } from '../../http/route.ts';
import type { Database } from '../database/database.ts';
import { enterAudit } from '../database/repositories/audit-log.ts';
import { readFleetNodes } from '../database/repositories/fleet.ts';
import { readAwareness } from '../database/repositories/nodes.ts';
import { formatOrigin } from '../node-service/endpoints.ts';
import type { NodeServer } from '../node-service/serve.ts';
import { explainErrors } from './routes.ts';

/** What the routes of the address use. */
export interface AddressSources {
  readonly database: Database;
  /** Returns the server for hosts; `undefined` while they are not served. */
  readonly servedNodes: () => AddressedServer | undefined;
  readonly now?: () => Date;
}

type AddressedServer = Pick<NodeServer, 'port' | 'endpoints' | 'heard' | 'announceEndpoints'>;

/** Names of the outcomes in the audit log. */
const ACTIONS: Readonly<Record<AddressOutcome, string>> = {
  changed: 'address.changed',
  undone: 'address.undone',
  withdrawn: 'address.withdrawn',
};

/**
 * Creates the routes `/v1/address…` for `qx-controlplane address` and the console; their bodies are in
 * `apps/api/address.ts`.
 */
export function createAddressRoutes({
  database: { db },
  servedNodes,
  now = () => new Date(),
}: AddressSources): Route[] {
  const served = (): AddressedServer => {
    const server = servedNodes();
    if (server !== undefined) return server;
    throw new ApiError(503, 'hosts are not served at the moment', {
      fix: 'logread | grep qx-controlplane shows why.',
    });
  };
  const read = async (): Promise<FleetAddress> => {
    const { port, endpoints, heard } = served();
    const { version, origins } = await endpoints.refresh();
    const awareness = new Map((await readAwareness(db, version)).map((one) => [one.id, one]));
    const nodes = await readFleetNodes(db, { now: now() });
    return {
      ...{ port, origins, planned: [...endpoints.planned] },
      nodes: nodes
        .filter(({ leftAt }) => leftAt === null)
        .map(({ id, hostname, isHeard }) => ({
          ...{ id, hostname, isHeard, isAware: awareness.get(id)?.isAware ?? false },
          over: heard.get(id)?.over ?? null,
          heartbeats: heard.get(id)?.heartbeats ?? 0,
        })),
    };
  };
  const routes: Route[] = [
    { method: 'GET', path: '/v1/address', answer: async () => makeJsonAnswer(await read()) },
    {
      method: 'POST',
      path: '/v1/address/plan',
      answer: async (request) => {
        const { by, address } = await readJson(request, addressPlanSchema);
        const { port, endpoints, announceEndpoints } = served();
        const origin = formatOrigin(address, port);
        await db.transaction().execute(async (transaction) => {
          await endpoints.plan(transaction, origin);
          await enterAudit(transaction, {
            ...{ username: by, action: 'address.planned', resourceType: 'address' },
            details: { origin },
          });
        });
        await announceEndpoints();
        return makeJsonAnswer(await read());
      },
    },
    {
      method: 'POST',
      path: '/v1/address/end',
      answer: async (request) => {
        const { by, outcome } = await readJson(request, addressEndSchema);
        const { endpoints, announceEndpoints } = served();
        await endpoints.refresh();
        if (endpoints.planned.length === 0) {
          throw new ApiError(409, 'no change of the address is planned');
        }
        const details = { origins: endpoints.planned.join(', ') };
        await db.transaction().execute(async (transaction) => {
          await endpoints.endPlan(transaction);
          await enterAudit(transaction, {
            ...{ username: by, action: ACTIONS[outcome], resourceType: 'address', details },
          });
        });
        await announceEndpoints();
        return makeJsonAnswer(await read());
      },
    },
  ];
  return routes.map((route) => ({ ...route, answer: explainErrors(route.answer) }));
}
