import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { ControlPlaneError } from '../../error.ts';
import type { Database, Executor } from '../database.ts';
import { explainRefusal, RefusedChangeError } from '../refusal.ts';
import { insertRow, listRows, type NewRow, type Row, removeRow } from '../rows.ts';

export type SubnetPool = Row<'subnetPools'>;
export type IpAllocation = Row<'ipAllocations'>;

/** Prefix of generated MAC addresses: locally administered, and also used by OpenStack and others. */
const MAC_PREFIX = 'fa:16:3e';

/** Maximum number of attempts to find a free MAC address among the 16 million with the prefix. */
const MOST_DRAWS = 16;

/** @throws RefusedChangeError if the network has a pool already, or the addresses are outside the network */
export const createSubnetPool = (db: Executor, pool: NewRow<'subnetPools'>) =>
  insertRow(db, 'subnetPools', pool);

export const removeSubnetPool = (db: Executor, id: string) => removeRow(db, 'subnetPools', id);

/** Finds the pool of a network. */
export async function findSubnetPool(
  db: Executor,
  networkId: string,
): Promise<SubnetPool | undefined> {
  return (await listRows(db, 'subnetPools', sql`network_id = ${networkId}`))[0];
}

/** Lists the allocated addresses of a network, in order. */
export async function listIpAllocations(db: Executor, networkId: string): Promise<IpAllocation[]> {
  return await db
    .selectFrom('ipAllocations')
    .selectAll()
    .where('networkId', '=', networkId)
    .orderBy('ipAddress')
    .execute();
}

/** The owner of an address. */
export type AddressOwner = Pick<NewRow<'ipAllocations'>, 'portId' | 'macAddress' | 'hostname'>;

/**
 * Allocates the first free address of a network: one that is not allocated, not its gateway, and not bound to a MAC
 * address. Concurrent callers wait for each other, so that each gets a different one.
 * @throws ControlPlaneError if the network has no pool, or no address is free
 */
export async function allocateAddress(
  { db }: Database,
  networkId: string,
  owner: AddressOwner,
): Promise<IpAllocation> {
  return await db.transaction().execute(async (transaction) => {
    const pool = await transaction
      .selectFrom('subnetPools')
      .selectAll()
      .where('networkId', '=', networkId)
      .forUpdate()
      .executeTakeFirst();
    if (pool === undefined) {
      throw new ControlPlaneError({
        what: 'the network has no pool of addresses',
        where: networkId,
      });
    }
    // Only the first address of the range and the successors of taken addresses can be the first free one: the range is
    // not scanned.
    const { rows } = await sql<{ address: string | null }>`
      WITH taken AS (
        SELECT ip_address AS address FROM ip_allocations WHERE network_id = ${networkId}
        UNION SELECT ip_address FROM dhcp_static_bindings WHERE network_id = ${networkId} AND enabled
        UNION SELECT gateway FROM subnet_pools WHERE id = ${pool.id}
      )
      SELECT host(min(candidate.address)) AS address FROM (
        SELECT alloc_start AS address FROM subnet_pools WHERE id = ${pool.id}
        UNION SELECT address + 1 FROM taken
      ) AS candidate
      WHERE candidate.address BETWEEN ${pool.allocStart}::inet AND ${pool.allocEnd}::inet
        AND NOT EXISTS (SELECT FROM taken WHERE host(taken.address) = host(candidate.address))`.execute(
      transaction,
    );
    const ipAddress = rows[0]?.address;
    if (ipAddress == null) {
      throw new ControlPlaneError({
        what: `no address is free between ${pool.allocStart} and ${pool.allocEnd}`,
        where: networkId,
        fix: 'Release addresses, or make the range larger.',
      });
    }
    const row = { ...owner, networkId, poolId: pool.id, ipAddress };
    return await insertRow(transaction, 'ipAllocations', row);
  });
}

/** Releases an address. @returns whether it was allocated */
export async function releaseAddress(
  db: Executor,
  networkId: string,
  ipAddress: string,
): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('ipAllocations')
    .where('networkId', '=', networkId)
    .where('ipAddress', '=', ipAddress)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** @throws RefusedChangeError if the MAC address or IP address is already bound in this network */
export const bindAddress = (db: Executor, binding: NewRow<'dhcpStaticBindings'>) =>
  explainRefusal(insertRow(db, 'dhcpStaticBindings', binding));

/** Generates a MAC address that is not in use, and registers it. */
export async function registerMacAddress(
  db: Executor,
  owner: Pick<NewRow<'macRegistry'>, 'portId' | 'vmId' | 'projectId'>,
): Promise<string> {
  for (let draw = 0; draw < MOST_DRAWS; draw++) {
    const macAddress = [MAC_PREFIX, ...randomBytes(3).toString('hex').match(/../g)!].join(':');
    try {
      return (await insertRow(db, 'macRegistry', { ...owner, macAddress })).macAddress;
    } catch (error) {
      if (!(error instanceof RefusedChangeError) || error.reason !== 'exists') throw error;
    }
  }
  throw new ControlPlaneError({ what: `no MAC address with the prefix ${MAC_PREFIX} is free` });
}
