import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { create } from '@bufbuild/protobuf';
import * as z from 'zod';
import { isUnreachable } from '../../network/management-address.ts';
import { type Endpoints, EndpointsSchema } from '../../proto/gen/quantix/v1/node_service_pb.js';
import type { Executor } from '../database/database.ts';
import { announce, readAnnouncement } from '../database/repositories/announcements.ts';

/** Maximum number of origins in the list. */
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
export function listPresentOrigins(
  { port, listen, announced }: Listening,
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): string[] {
  const all = Object.values(interfaces)
    .flatMap((infos = []) => infos)
    .filter(({ internal, address }) => !internal && !isUnreachable(address))
    .map(({ address }) => address);
  const listensOn = (address: string) => {
    if (listen === '::') return true;
    return listen === '0.0.0.0' ? !address.includes(':') : address === listen;
  };
  const own = all.filter(listensOn).toSorted((a, b) => rank(a) - rank(b));
  const origins = own.map((one) => formatOrigin(one, port));
  return [...new Set([...origins, ...announced])].slice(0, MOST);
}

/** Returns the origin of an address, as URLs are written: `https://[2001:db8::5]:9443`. */
export function formatOrigin(address: string, port: number): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return `https://${host}:${port}`;
}

function rank(address: string): number {
  return address.includes(':') ? 1 : 0;
}

/** Content of the announcement of planned endpoints. */
const plannedSchema = z.array(z.string());

/** The list of endpoints, with a version that is stored in the database. */
export class EndpointList {
  readonly #db: Executor;
  readonly #listening: Listening;
  #planned: readonly string[] = [];
  #current: { content: string; endpoints: Endpoints } | undefined;

  constructor(db: Executor, listening: Listening) {
    this.#db = db;
    this.#listening = listening;
  }

  /** The origins of a planned change of the address, as they were read last; empty if none is planned. */
  get planned(): readonly string[] {
    return this.#planned;
  }

  /** Plans a change of the address: the present origins stay in the list beside the new one, until the plan ends. */
  async plan(db: Executor, origin: string): Promise<void> {
    const planned = [...new Set([...listPresentOrigins(this.#listening), origin])];
    await announce(db, 'planned-endpoints', JSON.stringify(planned));
  }

  /** Ends a planned change: only present and configured origins are listed. */
  async endPlan(db: Executor): Promise<void> {
    await announce(db, 'planned-endpoints', JSON.stringify([]));
  }

  /** Reads the planned change from the database, and returns the present list. */
  async refresh(): Promise<Endpoints> {
    const content = await readAnnouncement(this.#db, 'planned-endpoints');
    this.#planned = content === undefined ? [] : plannedSchema.parse(JSON.parse(content));
    return await this.read();
  }

  /** Returns the present list; reads the machine's addresses each time. */
  async read(): Promise<Endpoints> {
    const { announced } = this.#listening;
    const listed = { ...this.#listening, announced: [...this.#planned, ...announced] };
    const origins = listPresentOrigins(listed);
    const content = JSON.stringify(origins);
    if (this.#current?.content === content) return this.#current.endpoints;
    const version = await announce(this.#db, 'endpoints', content);
    const endpoints = create(EndpointsSchema, { version, origins });
    this.#current = { content, endpoints };
    return endpoints;
  }
}
