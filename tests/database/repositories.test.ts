import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../../apps/control-plane/database/database.ts';
import { RefusedChangeError } from '../../apps/control-plane/database/refusal.ts';
import * as alerts from '../../apps/control-plane/database/repositories/alerts.ts';
import * as apiKeys from '../../apps/control-plane/database/repositories/api-keys.ts';
import * as audit from '../../apps/control-plane/database/repositories/audit-log.ts';
import * as specs from '../../apps/control-plane/database/repositories/customization-specs.ts';
import * as folders from '../../apps/control-plane/database/repositories/folders.ts';
import * as images from '../../apps/control-plane/database/repositories/images.ts';
import * as ipam from '../../apps/control-plane/database/repositories/ipam.ts';
import {
  enterLeader,
  FencedError,
} from '../../apps/control-plane/database/repositories/leadership.ts';
import * as networks from '../../apps/control-plane/database/repositories/networks.ts';
import * as nodes from '../../apps/control-plane/database/repositories/nodes.ts';
import * as roles from '../../apps/control-plane/database/repositories/roles.ts';
import * as groups from '../../apps/control-plane/database/repositories/security-groups.ts';
import * as snapshots from '../../apps/control-plane/database/repositories/snapshots.ts';
import * as pools from '../../apps/control-plane/database/repositories/storage-pools.ts';
import * as users from '../../apps/control-plane/database/repositories/users.ts';
import * as machines from '../../apps/control-plane/database/repositories/virtual-machines.ts';
import * as volumes from '../../apps/control-plane/database/repositories/volumes.ts';
import { type OpenTestDatabase, openTestDatabase } from './database.ts';

const DEFAULT = '00000000-0000-0000-0000-000000000001';
const ONE = '11111111-1111-8111-8111-111111111111';
const TWO = '22222222-2222-8222-8222-222222222222';
const NOBODY = '99999999-9999-8999-8999-999999999999';

let opened: OpenTestDatabase;
let database: Database;
let db: Database['db'];

beforeAll(async () => {
  opened = await openTestDatabase();
  database = opened.database;
  db = database.db;
});
afterAll(() => opened[Symbol.asyncDispose]());

/** The tests do not change the initial rows; the tables that they fill are emptied. */
beforeEach(async () => {
  await sql`TRUNCATE nodes, virtual_machines, storage_pools, virtual_networks, users, alerts, images CASCADE`.execute(
    db,
  );
});

function register(id: string, hostname = 'host', managementIp: string | null = '10.0.0.1') {
  return nodes.registerNode(db, { id, hostname, managementIp, spec: { cpus: 4 } });
}

const machine = (name: string) => machines.defineVirtualMachine(db, { name, projectId: DEFAULT });

async function refusal(change: Promise<unknown>): Promise<RefusedChangeError> {
  const error: unknown = await change.catch((one: unknown) => one);
  if (error instanceof RefusedChangeError) return error;
  throw new Error(`not refused: ${String(error)}`);
}

/** Rows that were inserted, changed or removed by a piece of work, in all tables, as PostgreSQL counts them. */
async function rowsWritten(work: () => Promise<unknown>): Promise<number> {
  const count = async () => {
    const { rows } = await sql<{ written: number }>`
      SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint AS written FROM pg_stat_user_tables`.execute(
      db,
    );
    return rows[0]?.written ?? 0;
  };
  // A connection reports its counts at its own time; the only one is made to report.
  const flush = () => sql`SELECT pg_stat_force_next_flush()`.execute(db);
  await flush();
  const before = await count();
  await work();
  await flush();
  return (await count()) - before;
}

describe('nodes', () => {
  test('a host that registers again keeps what an administrator decided', async () => {
    expect(await register(ONE)).toMatchObject({ phase: 'PENDING', labels: {} });
    await nodes.setNodePhase(db, ONE, 'MAINTENANCE');
    await nodes.setNodeLabels(db, ONE, { rack: 'a' });
    expect(await register(ONE, 'renamed', '10.0.0.2')).toMatchObject({
      hostname: 'renamed',
      managementIp: '10.0.0.2',
      phase: 'MAINTENANCE',
      labels: { rack: 'a' },
    });
  });

  test('two hosts with the same name are two nodes', async () => {
    await register(ONE);
    await register(TWO);
    expect((await nodes.listNodes(db)).map(({ id }) => id).sort()).toEqual([ONE, TWO]);
    await nodes.setNodePhase(db, TWO, 'READY');
    expect((await nodes.listNodes(db, { phase: 'READY' })).map(({ id }) => id)).toEqual([TWO]);
  });

  test('an invalid phase or address is refused', async () => {
    await register(ONE);
    expect(await refusal(register(ONE, 'x', '10.0.0.256'))).toMatchObject({ reason: 'invalid' });
    expect(await refusal(register(ONE, ''))).toMatchObject({
      reason: 'invalid',
      constraint: 'nodes_hostname_length',
    });
  });

  test('repeating the same values writes no row', async () => {
    await register(ONE);
    const again = () => register(ONE);
    const identity = { hostname: 'host', managementIp: '10.0.0.1' };
    expect(await rowsWritten(again)).toBe(0);
    expect(await rowsWritten(() => nodes.updateNodeIdentity(db, ONE, identity))).toBe(0);
    expect(
      await rowsWritten(() => nodes.updateNodeIdentity(db, ONE, { ...identity, hostname: 'x' })),
      'the row, and its event',
    ).toBe(2);
  });

  test('heartbeats are recorded in batches; older ones and those of unknown nodes are skipped', async () => {
    await register(ONE);
    await register(TWO);
    const beat = (nodeId: string, epoch: number, sequence: number) => ({
      nodeId,
      epoch,
      sequence,
      receivedAt: new Date(1000 * (epoch * 100 + sequence)),
      load: { load1m: sequence },
      health: {},
      hypervisor: {},
      version: {},
      clockOffsetMs: -3,
      trustBundleVersion: 1,
      endpointsVersion: 1,
      isOfKnownBoot: epoch === 1,
    });
    const epoch = await enterLeader(database, { epoch: 1, holder: 'a test' });
    const record = (...beats: nodes.Heartbeat[]) => nodes.recordHeartbeats(db, beats, epoch);
    const last = async (id: string) => {
      const { epoch: of, sequence } = (await nodes.readLastHeartbeat(db, id)) ?? {};
      return [of, sequence];
    };
    await record(beat(ONE, 1, 2), beat(TWO, 5, 1), beat(NOBODY, 1, 1));
    expect([await last(ONE), await last(TWO)]).toEqual([
      [1, 2],
      [5, 1],
    ]);
    await record(beat(ONE, 1, 1), beat(TWO, 4, 9));
    expect([await last(ONE), await last(TWO)]).toEqual([
      [1, 2],
      [5, 1],
    ]);
    await expect(nodes.recordHeartbeats(db, [beat(ONE, 9, 9)], epoch - 1)).rejects.toThrow(
      FencedError,
    );
    await record(beat(ONE, 2, 1));
    expect(await nodes.readLastHeartbeat(db, ONE)).toMatchObject({
      epoch: 2,
      sequence: 1,
      receivedAt: new Date(201_000),
      load: { load1m: 1 },
      bootHeardAt: new Date(102_000),
    });
    expect(await nodes.readLastHeartbeat(db, NOBODY)).toBeUndefined();
  });

  test('removing a node removes its heartbeat, but not its machines', async () => {
    await register(ONE);
    const { id } = await machine('web');
    await sql`UPDATE virtual_machines SET node_id = ${ONE} WHERE id = ${id}`.execute(db);
    expect(await nodes.removeNode(db, ONE)).toBe(true);
    expect(await nodes.removeNode(db, ONE)).toBe(false);
    expect(await machines.findVirtualMachine(db, id)).toMatchObject({ nodeId: null });
  });
});

describe('virtual machines', () => {
  test('a newly defined machine has an unknown power state', async () => {
    expect(await machine('web')).toMatchObject({
      powerState: 'UNKNOWN',
      origin: 'control-plane',
      isManaged: true,
    });
    expect(await refusal(machine('web'))).toMatchObject({
      reason: 'exists',
      constraint: 'virtual_machines_managed_name_key',
    });
  });

  test('a discovered machine can be adopted', async () => {
    await sql`
      INSERT INTO virtual_machines (id, name, project_id, origin, is_managed)
      VALUES (${TWO}, 'on the host', ${DEFAULT}, 'host-discovered', false)`.execute(db);
    const adopted = { projectId: DEFAULT, folderId: null };
    expect(await machines.adoptVirtualMachine(db, TWO, adopted)).toMatchObject({
      origin: 'imported',
      isManaged: true,
    });
  });
});

describe('storage pools and volumes', () => {
  test('a node gets only the pools that are assigned to it', async () => {
    const assigned = await pools.createStoragePool(db, {
      name: 'a',
      poolType: 'NFS',
      assignedNodeIds: [ONE],
    });
    await pools.createStoragePool(db, { name: 'b', poolType: 'LVM', assignedNodeIds: [TWO] });
    const told = await pools.listStoragePools(db, { assignedTo: ONE });
    expect(told.map(({ id }) => id)).toEqual([assigned.id]);
  });

  test('a pool with a volume cannot be removed, nor a volume that is attached', async () => {
    const { id: poolId } = await pools.createStoragePool(db, { name: 'p', poolType: 'LVM' });
    const volume = await volumes.createVolume(db, { name: 'v', poolId, sizeBytes: 4096 });
    expect(
      await refusal(volumes.createVolume(db, { name: 'v', poolId, sizeBytes: 4096 })),
    ).toMatchObject({ reason: 'exists' });
    expect(
      await refusal(volumes.createVolume(db, { name: 'w', poolId: NOBODY, sizeBytes: 1 })),
    ).toMatchObject({ reason: 'missing' });
    expect(await refusal(pools.removeStoragePool(db, poolId))).toMatchObject({ reason: 'in-use' });
    const [one, other] = [await machine('one'), await machine('other')];
    expect(await volumes.attachVolume(db, volume.id, one.id)).toMatchObject({ phase: 'IN_USE' });
    expect(await volumes.attachVolume(db, volume.id, other.id)).toBeUndefined();
    expect(await volumes.removeVolume(db, volume.id)).toBe(false);
    expect(await volumes.detachVolume(db, volume.id)).toMatchObject({ attachedVmId: null });
    expect(await volumes.removeVolume(db, volume.id)).toBe(true);
    expect(await pools.removeStoragePool(db, poolId)).toBe(true);
  });
});

describe('networks, security groups and addresses', () => {
  test('a gateway outside of its network is refused', async () => {
    const network = { name: 'n', networkType: 'VLAN', vlanId: 7, cidr: '10.1.0.0/24' };
    expect(
      await refusal(networks.createNetwork(db, { ...network, gateway: '10.2.0.1' })),
    ).toMatchObject({ constraint: 'virtual_networks_gateway_in_cidr' });
    const made = await networks.createNetwork(db, { ...network, gateway: '10.1.0.1' });
    expect(await networks.updateNetwork(db, made.id, { phase: 'READY' })).toMatchObject({
      gateway: '10.1.0.1',
      phase: 'READY',
    });
  });

  test('the rules of a security group are replaced all or not at all', async () => {
    const group = await groups.createSecurityGroup(db, { name: 'web', projectId: DEFAULT });
    const https = { direction: 'INBOUND', protocol: 'TCP', portRangeMin: 443, portRangeMax: 443 };
    expect(await groups.replaceSecurityRules(db, group.id, [https])).toMatchObject([https]);
    const wrong = { ...https, portRangeMin: 9, portRangeMax: 8 };
    expect(
      await refusal(groups.replaceSecurityRules(db, group.id, [{ ...https, priority: 1 }, wrong])),
    ).toMatchObject({ constraint: 'security_rules_ports' });
    expect(await groups.listSecurityRules(db, group.id)).toMatchObject([{ priority: 100 }]);
    const { id } = await machine('web');
    await groups.assignSecurityGroups(db, id, [group.id, DEFAULT]);
    await groups.assignSecurityGroups(db, id, [group.id]);
    expect((await groups.listSecurityGroupsOf(db, id)).map(({ name }) => name)).toEqual(['web']);
    expect(await groups.removeSecurityGroup(db, group.id)).toBe(true);
  });

  test('simultaneous requests for an address get distinct ones, until none is left', async () => {
    const network = await networks.createNetwork(db, { name: 'n', networkType: 'OVERLAY' });
    await ipam.createSubnetPool(db, {
      networkId: network.id,
      cidr: '10.1.0.0/24',
      gateway: '10.1.0.2',
      allocStart: '10.1.0.1',
      allocEnd: '10.1.0.12',
    });
    const pool = await ipam.findSubnetPool(db, network.id);
    await ipam.bindAddress(db, {
      networkId: network.id,
      poolId: pool?.id ?? '',
      macAddress: '52:54:00:00:00:01',
      ipAddress: '10.1.0.5',
    });
    const asked = await Promise.allSettled(
      Array.from({ length: 12 }, () => ipam.allocateAddress(database, network.id, {})),
    );
    const got = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value.ipAddress] : []));
    const last = (address: string) => Number(address.split('.')[3]);
    expect(got.map(last).sort((a, b) => a - b)).toEqual([1, 3, 4, 6, 7, 8, 9, 10, 11, 12]);
    await expect(ipam.allocateAddress(database, network.id, {})).rejects.toThrow(
      /no address is free between 10\.1\.0\.1 and 10\.1\.0\.12/,
    );
    expect(await ipam.releaseAddress(db, network.id, '10.1.0.7')).toBe(true);
    expect(await ipam.allocateAddress(database, network.id, {})).toMatchObject({
      ipAddress: '10.1.0.7',
    });
    expect(await ipam.listIpAllocations(db, network.id)).toHaveLength(10);
  });

  test('generated MAC addresses are distinct and locally administered', async () => {
    const drawn = [];
    for (let count = 0; count < 20; count++) drawn.push(await ipam.registerMacAddress(db, {}));
    expect(new Set(drawn).size).toBe(20);
    expect(drawn.every((mac) => /^fa:16:3e(:[0-9a-f]{2}){3}$/.test(mac))).toBe(true);
  });
});

describe('people', () => {
  const ada = () =>
    users.createUser(db, { username: 'ada', email: 'ada@example.org', role: 'operator' });

  test('a new database has no user and no default password', async () => {
    expect(await users.listUsers(db)).toEqual([]);
    expect(
      await refusal(users.createUser(db, { username: 'a', passwordHash: 'admin' })),
    ).toMatchObject({
      constraint: 'users_password_hash_form',
    });
  });

  test('an enabled user has the permissions of the account’s role, of further roles and of their parents', async () => {
    const { id: userId } = await ada();
    const parent = await roles.createRole(db, { name: 'auditor', permissions: ['system:audit'] });
    const child = await roles.createRole(db, {
      name: 'own',
      parentId: parent.id,
      permissions: ['node:delete'],
    });
    await roles.assignRole(db, { userId, roleId: child.id, assignedBy: null });
    await roles.assignRole(db, { userId, roleId: child.id, assignedBy: null });
    const may = await roles.listPermissions(db, userId);
    expect(may).toEqual(expect.arrayContaining(['vm:start', 'system:audit', 'node:delete']));
    expect(may).not.toContain('user:delete');
    await users.updateUser(db, userId, { enabled: false });
    expect(await roles.listPermissions(db, userId)).toEqual([]);
    await users.updateUser(db, userId, { enabled: true });
    await roles.withdrawRole(db, userId, child.id);
    expect(await roles.listPermissions(db, userId)).not.toContain('system:audit');
    const system = (await roles.listRoles(db)).find(({ name }) => name === 'admin');
    await expect(roles.removeRole(db, system?.id ?? '')).rejects.toThrow(
      'the role admin belongs to the system',
    );
    expect(await roles.removeRole(db, child.id)).toBe(true);
    expect(await roles.removeRole(db, parent.id)).toBe(true);
  });

  test('an API key never has more permissions than its owner, and ends when it is revoked or expires', async () => {
    const { id: createdBy } = await ada();
    const request = {
      name: 'ci',
      createdBy,
      permissions: ['vm:start', 'user:delete'],
      expiresAt: new Date(2000),
    };
    const { secret, key } = await apiKeys.createApiKey(db, request);
    expect(key).toMatchObject({ permissions: ['vm:start'], prefix: secret.slice(0, 12) });
    expect(await apiKeys.useApiKey(db, secret, new Date(1000))).toEqual({
      userId: createdBy,
      permissions: ['vm:start'],
    });
    expect(await apiKeys.useApiKey(db, `${secret}x`, new Date(1000))).toBeUndefined();
    expect(await apiKeys.useApiKey(db, secret, new Date(2000))).toBeUndefined();
    await users.updateUser(db, createdBy, { role: 'viewer' });
    expect(await apiKeys.useApiKey(db, secret, new Date(1000))).toMatchObject({ permissions: [] });
    expect(await apiKeys.revokeApiKey(db, key.id, new Date(1000))).toBe(true);
    expect(await apiKeys.useApiKey(db, secret, new Date(1000))).toBeUndefined();
    expect(JSON.stringify(await apiKeys.listApiKeys(db, createdBy))).not.toContain(
      secret.slice(12),
    );
  });
});

describe('audit log and alerts', () => {
  test('audit entries form one chain, also with many writers at once', async () => {
    const before = (await audit.listAudit(db, { after: 0, limit: 1000 })).length;
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        audit.enterAudit(db, { action: 'vm.start', username: `u${index}`, details: { index } }),
      ),
    );
    const entries = await audit.listAudit(db, { after: before, limit: 1000 });
    expect(entries.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 20 }, (_, index) => before + index + 1),
    );
    expect((await audit.verifyAudit(db)).findings).toEqual([]);
  });

  test('a repeated problem updates one open alert, and raises a new one once that was resolved', async () => {
    const alert = { severity: 'WARNING', title: 'etcd was rebuilt', sourceType: 'CONTROL_PLANE' };
    const first = await alerts.raiseAlert(db, alert);
    const worse = { ...alert, severity: 'CRITICAL', message: 'again' };
    expect(await alerts.raiseAlert(db, worse)).toMatchObject({
      id: first.id,
      severity: 'CRITICAL',
      message: 'again',
    });
    await alerts.acknowledgeAlert(db, first.id, { by: 'ada', at: new Date(1) });
    await alerts.acknowledgeAlert(db, first.id, { by: 'bob', at: new Date(2) });
    expect(await alerts.listOpenAlerts(db)).toMatchObject([{ acknowledgedBy: 'ada' }]);
    expect(await alerts.resolveAlert(db, first.id, new Date(3))).toBe(true);
    expect(await alerts.resolveAlert(db, first.id, new Date(4))).toBe(false);
    expect((await alerts.raiseAlert(db, alert)).id).not.toBe(first.id);
  });
});

describe('images, folders, customization and snapshots', () => {
  test('a project sees its images and public ones', async () => {
    const image = { name: 'debian', projectId: DEFAULT, format: 'QCOW2' };
    const own = await images.createImage(db, image);
    await images.createImage(db, { name: 'all', visibility: 'PUBLIC' });
    await images.createImage(db, { name: 'others' });
    expect(await refusal(images.createImage(db, image))).toMatchObject({ reason: 'exists' });
    const names = (await images.listImages(db, DEFAULT)).map(({ name }) => name);
    expect(names.sort()).toEqual(['all', 'debian']);
    expect(await images.updateImage(db, own.id, { phase: 'READY' })).toMatchObject({
      phase: 'READY',
    });
    expect(await images.removeImage(db, own.id)).toBe(true);
  });

  test('a folder cannot be moved into itself, and two folders in one place cannot have the same name', async () => {
    const top = await folders.createFolder(db, { name: 'top' });
    const inner = await folders.createFolder(db, { name: 'inner', parentId: top.id });
    expect(await refusal(folders.createFolder(db, { name: 'top' }))).toMatchObject({
      reason: 'exists',
    });
    await expect(folders.moveFolder(database, top.id, inner.id)).rejects.toThrow('into itself');
    await expect(folders.moveFolder(database, top.id, top.id)).rejects.toThrow('into itself');
    expect(await folders.moveFolder(database, inner.id, null)).toMatchObject({ parentId: null });
    expect(await folders.removeFolder(db, top.id)).toBe(true);
    expect(await folders.findFolder(db, inner.id)).toBeDefined();
    await folders.removeFolder(db, inner.id);
  });

  test('a customization for Linux cannot have settings for Windows', async () => {
    const spec = { name: 's', type: 'LINUX', windowsSpec: {} };
    expect(await refusal(specs.createCustomizationSpec(db, spec))).toMatchObject({
      constraint: 'customization_specs_fits_type',
    });
    const seeds = await specs.listCustomizationSpecs(db, DEFAULT);
    expect(seeds.map(({ name }) => name)).toEqual(['Default Linux', 'Default Windows']);
  });

  test('removing a machine removes its snapshots; removing a snapshot keeps its children', async () => {
    const { id: vmId } = await machine('web');
    const first = await snapshots.createSnapshot(db, { vmId, name: 'first' });
    const second = await snapshots.createSnapshot(db, { vmId, name: 'second', parentId: first.id });
    await snapshots.removeSnapshot(db, first.id);
    expect(await snapshots.findSnapshot(db, second.id)).toMatchObject({ parentId: null });
    await machines.removeVirtualMachine(db, vmId);
    expect(await snapshots.listSnapshots(db, vmId)).toEqual([]);
  });
});
