import type { Vm, Vms } from '../api/vms.ts';
import { getStack, messageOf } from '../error.ts';
import { listSetAside } from '../files/durable-file.ts';
import {
  beginMaintenance,
  endMaintenance,
  expectNoMaintenance,
  readMaintenance,
} from '../guests/maintenance.ts';
import { readBuild } from '../host/build.ts';
import { readChanges } from '../host/changes.ts';
import { readConfigurationProblem } from '../host/configuration-disk.ts';
import { CpuMeter } from '../host/cpu-usage.ts';
import { readDataDisk } from '../host/data-disk.ts';
import { readHost } from '../host/host.ts';
import { isWritableMount, readMounts } from '../host/mounts.ts';
import { giveAccount } from '../libvirt/account.ts';
import { DefinitionReader } from '../libvirt/definitions.ts';
import { defineVm, destroyVm, shutdownVm, startVm, undefineVm } from '../libvirt/domain.ts';
import { readNetworks } from '../libvirt/networks.ts';
import { readStatistics } from '../libvirt/statistics.ts';
import { watchVms } from '../libvirt/watch-vms.ts';
import type { Logger } from '../log/logger.ts';
import { detectManagementAddress } from '../network/management-address.ts';
import { readNetwork } from '../network/status.ts';
import { watchNetwork } from '../network/watch.ts';
import { readNeeded } from '../services/state.ts';
import { handDownTimeServers } from '../services/time.ts';
import type { PoolDeclaration } from '../storage/declaration.ts';
import { PoolKeeper } from '../storage/keeper.ts';
import { StorageReader } from '../storage/pools.ts';
import { VERSION } from '../version.ts';
import { systemClock } from '../watch/clock.ts';
import { describePoolChanges, describeVmChanges } from './changes.ts';
import type { Commander } from './commands/commander.ts';
import type { NodeConfigRead } from './configuration/node-config.ts';
import { describeDeployment } from './deployment/describe.ts';
import { DEPLOYMENT_PLACES, ID_VARIABLE } from './deployment/places.ts';
import { readPeer } from './membership/identity/record.ts';
import { makeLazyMembership } from './membership/lazy-membership.ts';
import { readHardwareIdentity } from './membership/reporting/hardware-identity.ts';
import { ASSIGNED_POOLS } from './pools/assigned-pools.ts';
import { PoolManager } from './pools/pool-manager.ts';
import { watchPools } from './pools/watch-pools.ts';
import { readHealth } from './server/health.ts';
import type { Parts } from './server/parts.ts';
import { watchAddress } from './watch-address.ts';

export interface MachineOptions {
  /** Connection URI of libvirt. */
  uri: string;
  /** Folder of this node's files. */
  folder: string;
  /** Contents of `node.yaml` in it. */
  configuration: NodeConfigRead<PoolDeclaration>;
  /** Pools that the control plane assigned last. */
  assigned: readonly PoolDeclaration[];
  log: Logger;
  /** Stops all parts. */
  signal: AbortSignal;
}

/** Mount point of the file system that survives a reboot. */
const PERSISTENT = '/quantix';

/** Marks all virtual machines as not persistent if their definitions are stored in memory. */
async function withPersistence(reading: Promise<Vms>): Promise<Vms> {
  const [vms, disk] = await Promise.all([reading, readDataDisk()]);
  if (disk.state === 'used') return vms;
  return { ...vms, vms: vms.vms.map((vm) => ({ ...vm, persistent: false })) };
}

/** Milliseconds to wait for pools that are being brought up, before their state is reported. */
const POOLS_PATIENCE = 3_000;

/** Returns persistent guests that did not exist before. */
function findNewGuests({ vms }: Vms, before: Vms | undefined): Vm[] {
  const known = new Set(before?.vms.map(({ id }) => id));
  return vms.filter(({ id, persistent }) => persistent && !known.has(id));
}

/**
 * Reads the problems of the configuration: of its file system, and of the agent's files that this run or an earlier one
 * set aside and nobody has removed.
 * @param problem of `node.yaml` in this run
 */
async function readProblems(folder: string, problem: string | undefined): Promise<string[]> {
  const [disk, ...aside] = await Promise.all([
    readConfigurationProblem(),
    // `vms` contains the specifications of virtual machines.
    ...[folder, `${folder}/vms`].map(listSetAside),
  ]);
  const present = [disk, problem].filter((one) => one !== undefined);
  const others = aside.flat().filter((file) => problem?.endsWith(` ${file}.`) !== true);
  return [
    ...present,
    ...others.map(
      (file) =>
        `${file}: set aside because it has a mistake; remove this file once the mistake is corrected`,
    ),
  ];
}

/** The running parts of this machine's agent. */
export interface Machine {
  parts: Parts;
  /** Resolves after the signal is aborted; rejects on a bug. */
  ended: Promise<void>;
}

/** Makes the parts of this machine's agent, and starts the watches. */
export function startMachine(options: MachineOptions): Machine {
  const { uri, folder, configuration, assigned, log, signal } = options;
  const { config, problem } = configuration;
  const libvirt = { uri, signal };
  const id = process.env[ID_VARIABLE] ?? null;
  const meter = new CpuMeter();
  const keeper = new PoolKeeper();
  const manager = new PoolManager({
    file: `${folder}/node.yaml`,
    declared: config.pools,
    assignedFile: `${folder}/${ASSIGNED_POOLS}`,
    assigned,
    keeper,
    onChange: () => pools.refreshSoon(),
    signal,
  });
  const declarations = () => manager.declared();
  const storage = new StorageReader({
    declarations,
    problemOf: (name) => keeper.problemOf(name),
    silenceOf: (name) => keeper.silenceOf(name),
    silentDisks: () => keeper.silentDisks(),
  });

  const vms = watchVms({
    uri,
    signal,
    onChange: (after, before) => {
      for (const line of describeVmChanges(before, after)) log.info(line);
      for (const vm of findNewGuests(after, before)) void assignAccount(vm);
      membership.changed();
    },
  });
  /** Assigns a separate Unix user to a guest that the agent did not define. */
  async function assignAccount({ id, name }: Vm): Promise<void> {
    try {
      const given = await giveAccount(libvirt, id);
      if (given === undefined) return;
      const { account, fromNextStart } = given;
      if (fromNextStart) {
        log.warning(
          `VM ${name} was started before it had its own user: it runs as libvirt-qemu, and as user ${account} from its next start`,
        );
      } else log.info(`VM ${name} runs as user ${account} when it starts`);
    } catch (error) {
      if (!signal.aborted) log.warning(`VM ${name} has no user of its own: ${messageOf(error)}`);
    }
  }

  const pools = watchPools({
    read: async () => {
      await keeper.bringUp(declarations(), { patience: POOLS_PATIENCE, signal });
      const { pools, problems } = await storage.read(signal);
      return { pools, problems: [...problems, ...manager.problems(), ...keeper.lingering()] };
    },
    onChange: (after, before) => {
      for (const line of describePoolChanges(before?.pools, after.pools)) log.info(line);
      membership.changed();
    },
    signal,
  });
  const address = watchAddress({
    detect: detectManagementAddress,
    onChange: (before, after) => {
      log.info(`address ${before ?? 'none'} → ${after ?? 'none'}`);
      membership.addressChanged();
    },
    signal,
  });
  const host = async () =>
    await readHost({ meter, managementAddress: await detectManagementAddress() });
  /** Finds a pool by the id that the host or the control plane uses for it. */
  const findPool = async (id: string) => {
    const name = manager.nameOf(id);
    return (await pools.last()).pools.find((pool) => pool.id === id || pool.name === name);
  };
  const definitions = new DefinitionReader(libvirt);
  let commands: Promise<Commander> | undefined;
  const membership = makeLazyMembership({
    folder,
    config,
    agentVersion: VERSION,
    facts: {
      managementAddress: detectManagementAddress,
      host,
      hardware: readHardwareIdentity,
      vms: () => withPersistence(vms.current()),
      health: () => readHealth(parts),
      definitions: (listed) => definitions.read(listed),
      pools: async () => (await pools.last()).pools,
      build: readBuild,
      networks: () => readNetworks(libvirt),
      statistics: async (listed) => {
        const known = await definitions.read(listed);
        return readStatistics(libvirt, listed, (id) => known.get(id)?.live?.hasAgent ?? false);
      },
      services: readNeeded,
      assignedPools: async () => manager.results(),
    },
    // Not awaited: a pool that is being made must not delay the connection.
    onAssignedPools: async (pools) => {
      manager.assign(pools).catch((error: unknown) => log.warning(getStack(error)));
    },
    askLan: async (fingerprints, during) => {
      const { askLan } = await import('./membership/connection/ask-lan.ts');
      return await askLan(fingerprints, during);
    },
    onTimeServers: (servers) => handDownTimeServers(servers, signal),
    openCommands: () => {
      commands ??= import('./commands/host-commands.ts').then(({ openCommands }) =>
        openCommands({
          folder,
          uri,
          findPool,
          listPools: async () => (await pools.last()).pools,
          pools: {
            mount: async (pool) => {
              await manager.assignAlso(pool);
              const mounted = (await pools.refresh()).pools.find(({ name }) => name === pool.name);
              return mounted?.id ?? '';
            },
            unmount: async (id) => {
              const name = manager.nameOf(id) ?? (await findPool(id))?.name;
              if (name !== undefined) await manager.withdraw(name);
            },
          },
          network: { reached: membership.reached },
          updates: { server: () => readPeer(folder) },
          vmsChanged: async () => {
            definitions.expire();
            await vms.refresh();
            membership.changed();
          },
          poolsChanged: pools.refresh,
          log: (line) => log.info(line),
          signal,
        }),
      );
      // A failed promise is not kept: the disk may work the next time.
      commands.catch(() => {
        commands = undefined;
      });
      return commands;
    },
    isPersistent: async () => isWritableMount(PERSISTENT, await readMounts()),
    log: (line) => log.info(line),
    clock: systemClock,
    random: Math.random,
    signal,
  });
  const network = watchNetwork({ signal, onProblem: log.warning }, address.refreshSoon);

  const parts: Parts = {
    version: VERSION,
    id,
    deployment: () => describeDeployment(DEPLOYMENT_PLACES, { id, version: VERSION }),
    host,
    network: () => readNetwork({ signal }),
    managementAddress: detectManagementAddress,
    vms: {
      current: () => withPersistence(vms.current()),
      refresh: () => withPersistence(vms.refresh()),
      define: (xml) => defineVm(libvirt, xml),
      start: async (id) => {
        await expectNoMaintenance(folder);
        await startVm(libvirt, id);
      },
      shutdown: (id) => shutdownVm(libvirt, id),
      destroy: (id) => destroyVm(libvirt, id),
      undefine: (id) => undefineVm(libvirt, id),
    },
    storage: pools.last,
    dataDisk: readDataDisk,
    changes: readChanges,
    pools: {
      add: (request) => manager.add(request),
      remove: (name) => manager.remove(name),
      refresh: pools.refresh,
    },
    maintenance: {
      current: () => readMaintenance(folder),
      set: async ({ on, reason = null }) => {
        if (on) await beginMaintenance(folder, { reason, now: new Date() });
        else await endMaintenance(folder);
        log.info(`maintenance ${on ? `begins${reason === null ? '' : `: ${reason}`}` : 'ends'}`);
      },
    },
    problems: () => readProblems(folder, problem),
    controlPlane: {
      state: membership.status,
      join: ({ address, token }) => membership.join({ controlPlane: address, token }),
      leave: membership.leave,
    },
  };
  return {
    parts,
    ended: Promise.all([vms.ended, pools.ended, address.ended, membership.ended, network]).then(
      () => undefined,
    ),
  };
}
