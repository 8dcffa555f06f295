import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { create } from '@bufbuild/protobuf';
import { leadsNowhere } from '../../network/management-address.ts';
import { type Endpoints, EndpointsSchema } from '../../proto/gen/quantix/v1/node_service_pb.js';
import type { Executor } from '../database/database.ts';
import { announce } from '../database/repositories/announcements.ts';

/** Most origins in the list. */
const MOST = 32;

/** What the origins are derived from. */
export interface Listening {
  readonly port: number;
  /** An address of this machine, or a wildcard for all of them. */
  readonly listen: string;
  /** Origins that are listed in addition. */
  readonly announced: readonly string[];
}

/**
 * Returns the origins at which the control plane can be reached: its present addresses, IPv4 first, then the announced
 * ones.
 * @param interfaces of this machine
 */
export function presentOrigins(
  { port, listen, announced }: Listening,
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): string[] {
  const all = Object.values(interfaces)
    .flatMap((infos = []) => infos)
    .filter(({ internal, address }) => !internal && !leadsNowhere(address))
    .map(({ address }) => address);
  const listensOn = (address: string) => {
    if (listen === '::') return true;
    return listen === '0.0.0.0' ? !address.includes(':') : address === listen;
  };
  const own = all.filter(listensOn).toSorted((a, b) => rank(a) - rank(b));
  const origins = own.map((one) => `https://${one.includes(':') ? `[${one}]` : one}:${port}`);
  return [...new Set([...origins, ...announced])].slice(0, MOST);
}

function rank(address: string): number {
  return address.includes(':') ? 1 : 0;
}

/** The list of endpoints, with a version that is stored in the database. */
export class EndpointList {
  readonly #db: Executor;
  readonly #listening: Listening;
  #told: { content: string; endpoints: Endpoints } | undefined;

  constructor(db: Executor, listening: Listening) {
    this.#db = db;
    this.#listening = listening;
  }

  /** Returns the present list; reads the machine's addresses each time. */
  async read(): Promise<Endpoints> {
    const origins = presentOrigins(this.#listening);
    const content = JSON.stringify(origins);
    if (this.#told?.content === content) return this.#told.endpoints;
    const version = await announce(this.#db, 'endpoints', content);
    const endpoints = create(EndpointsSchema, { version, origins });
    this.#told = { content, endpoints };
    return endpoints;
  }
}
