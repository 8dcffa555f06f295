import type {
  FleetNode,
  FleetPool,
  FleetRollout,
  FleetTask,
  FleetToken,
  FleetUpdates,
  FleetVm,
} from '../../api/fleet.ts';
import type { User } from '../../api/users.ts';
import { ago, clock, moment } from '../../text/age.ts';
import { bytes } from '../../text/amount.ts';
import { printable } from '../../text/printable.ts';

/** Characters of an id in a list; if they are ambiguous, `show` prints the full id. */
const SHORT_ID = 8;

/** Formats a table: columns are as wide as their widest cell, and control characters are replaced. */
export function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  const lines = cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/** Formats accounts as a table. Here and in the functions below, `now` is in milliseconds since 1970. */
export function usersTable(users: readonly User[], now: number): string {
  if (users.length === 0)
    return 'There is no account: qx-controlplane users first-password makes one.\n';
  return table([
    ['ID', 'NAME', 'ROLE', 'STATE', 'LAST LOG-IN'],
    ...users.map((user) => [
      user.id.slice(0, SHORT_ID),
      user.username,
      user.role,
      userStateText(user),
      when(user.lastLogin, now),
    ]),
  ]);
}

function userStateText({ enabled, mustChangePassword }: User): string {
  if (!enabled) return 'disabled';
  return mustChangePassword ? 'has to change its password' : 'enabled';
}

/** Formats a time, or says that there was none. */
function when(iso: string | null, now: number, never = 'never'): string {
  return iso === null ? never : moment(Date.parse(iso), now);
}

export function nodesTable(nodes: readonly FleetNode[], now: number): string {
  if (nodes.length === 0) return 'No host has joined.\n';
  return table([
    ['ID', 'HOST', 'ADDRESS', 'PHASE', 'LAST HEARD', 'VMS'],
    ...nodes.map((node) => [
      node.id.slice(0, SHORT_ID),
      node.hostname,
      node.managementAddress ?? '-',
      phaseText(node, now),
      when(node.lastHeard, now),
      String(node.vms),
    ]),
  ]);
}

/** Describes the phase of a node, or that it has left. */
function phaseText({ phase, leftAt }: FleetNode, now: number): string {
  return leftAt === null ? phase : `left ${moment(Date.parse(leftAt), now)}`;
}

export function nodeText(node: FleetNode, now: number): string {
  const { id, hostname, managementAddress, addressSince, lastHeard, joinedAt, vms } = node;
  const since = addressSince === null ? '' : `, since ${moment(Date.parse(addressSince), now)}`;
  return table([
    ['id', id],
    ['host name', hostname],
    ['address', managementAddress === null ? 'none' : `${managementAddress}${since}`],
    ['phase', phaseText(node, now)],
    ['last heard', when(lastHeard, now)],
    ['joined', when(joinedAt, now)],
    ['machines', node.isHeard ? String(vms) : `${vms}, when it was heard of last`],
  ]);
}

/**
 * Describes what is known of a virtual machine's power state: `running`, or `last seen running 14:02 (5 minutes ago)`.
 */
export function powerText({ powerState, known, asOf, lostReason }: FleetVm, now: number): string {
  const state = powerState.toLowerCase().replaceAll('_', ' ');
  const at = asOf === null ? '' : ` ${moment(Date.parse(asOf), now)}`;
  switch (known) {
    case 'now':
      return state === 'unknown' ? 'not known' : state;
    case 'last-seen':
      return state === 'unknown' ? `not known, last heard${at}` : `last seen ${state}${at}`;
    case 'never':
      return 'not known';
    case 'lost':
      return `lost${at}: ${lostReason ?? 'nobody said why'}`;
  }
}

export function vmsTable(vms: readonly FleetVm[], more: boolean, now: number): string {
  if (vms.length === 0) return 'There is no virtual machine.\n';
  const list = table([
    ['ID', 'NAME', 'NODE', 'POWER'],
    ...vms.map((vm) => [vm.id.slice(0, SHORT_ID), vm.name, vm.node ?? '-', powerText(vm, now)]),
  ]);
  return more ? `${list}There are more: --node NODE lists those of one.\n` : list;
}

export function vmText(vm: FleetVm, now: number): string {
  return table([
    ['id', vm.id],
    ['name', vm.name],
    ['node', vm.nodeId === null ? 'none' : `${vm.node ?? ''} (${vm.nodeId})`],
    ['power', powerText(vm, now)],
    ['managed', vm.isManaged ? 'yes' : 'no: a host has it, and nobody adopted it'],
  ]);
}

export function poolsTable(pools: readonly FleetPool[], now: number): string {
  if (pools.length === 0) return 'There is no storage pool.\n';
  return table([
    ['ID', 'NAME', 'TYPE', 'HOST', 'HEALTH', 'AVAILABLE'],
    ...pools.flatMap((pool) => {
      const own = [pool.id.slice(0, SHORT_ID), pool.name, pool.type.toLowerCase()];
      if (pool.hosts.length === 0) return [[...own, '-', 'not known', '-']];
      return pool.hosts.map((host) => [
        ...own,
        host.node,
        healthText(host, now),
        host.availableBytes === null ? 'not known' : bytes(host.availableBytes),
      ]);
    }),
  ]);
}

function healthText(
  { health, isHeard, lastHeard }: FleetPool['hosts'][number],
  now: number,
): string {
  const state = health === 'UNKNOWN' ? 'not known' : health.toLowerCase();
  return isHeard ? state : `last ${state} ${when(lastHeard, now)}`;
}

export function poolText(pool: FleetPool, now: number): string {
  const hosts = pool.hosts.map((host) => {
    const space =
      host.totalBytes === null || host.availableBytes === null
        ? 'size not known'
        : `${bytes(host.availableBytes)} of ${bytes(host.totalBytes)} available`;
    const problem = host.problem === '' ? '' : `: ${host.problem}`;
    return [`on ${host.node}`, `${healthText(host, now)}, ${space}, ${host.mountPath}${problem}`];
  });
  return table([
    ['id', pool.id],
    ['name', pool.name],
    ['type', pool.type.toLowerCase()],
    ['managed', pool.isManaged ? 'yes' : 'no: a host has it, and nobody adopted it'],
    ...hosts,
  ]);
}

export function updatesText({ upstream, releases, rollouts }: FleetUpdates, now: number): string {
  const source =
    upstream === null ? 'No update server is mirrored.\n' : `Mirrored: ${printable(upstream)}\n`;
  const here =
    releases.length === 0
      ? 'There is no release here.\n'
      : table([
          ['PRODUCT', 'CHANNEL', 'CPU', 'VERSION', 'SERIAL', 'EXPIRES', 'ASKED', ''],
          ...releases.map(({ product, channel, architecture, release, askedAt, problem }) => [
            ...[product, channel, architecture, release?.version ?? '-'],
            ...[String(release?.serial ?? '-'), release?.expires.slice(0, 10) ?? '-'],
            ...[when(askedAt, now), problem ?? ''],
          ]),
        ]);
  const rolled =
    rollouts.length === 0
      ? 'There was no roll-out.\n'
      : table([
          ['ID', 'VERSION', 'CHANNEL', 'CPU', 'BEGUN', 'HOSTS', 'STATE'],
          ...rollouts.map((rollout) => [
            ...[rollout.id.slice(0, SHORT_ID), rollout.version, rollout.channel],
            ...[rollout.architecture, when(rollout.createdAt, now)],
            `${hostsIn(rollout, 'DONE')} of ${rollout.hosts.length}`,
            rolloutState(rollout),
          ]),
        ]);
  return `${source}\n${here}\n${rolled}`;
}

function hostsIn({ hosts }: FleetRollout, state: string): number {
  return hosts.filter((host) => host.state === state).length;
}

function rolloutState({ state, reason }: FleetRollout): string {
  const words = state.toLowerCase();
  return reason === '' ? words : `${words}: ${reason}`;
}

export function rolloutText(rollout: FleetRollout, now: number): string {
  const { id, product, version, serial, channel, architecture, base, hosts } = rollout;
  const head = table([
    ['id', id],
    ['release', `${product} ${version}, ${channel} ${serial}, ${architecture}, ${base}`],
    ['state', rolloutState(rollout)],
    ['begun', `${when(rollout.createdAt, now)} by ${rollout.createdBy}`],
    ['pace', `${rollout.atOnce} at once, of ${rollout.percentage} % of the hosts`],
  ]);
  if (hosts.length === 0) return `${head}\nNo host takes part.\n`;
  const rows = hosts.map((host) => [
    ...[host.node, host.state.toLowerCase().replaceAll('_', ' ')],
    host.version === null ? 'not known' : host.version,
    when(host.lastHeard, now),
    host.progress === null ? host.message : `${host.progress} %: ${host.message}`,
  ]);
  return `${head}\n${table([['HOST', 'STATE', 'TOLD VERSION', 'LAST HEARD', ''], ...rows])}`;
}

/** Returns the verb of a task in words. */
export function verbText({ verb }: FleetTask): string {
  return verb.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** Describes the progress of a task. */
export function taskStateText({ state, progress, error, isCancelRequested }: FleetTask): string {
  const back = isCancelRequested ? ', taken back' : '';
  switch (state) {
    case 'QUEUED':
      return 'waits for its host';
    case 'SENT':
      return `sent, nothing was heard yet${back}`;
    case 'ACCEPTED':
      return `waits on its host${back}`;
    case 'RUNNING':
      return `under way, ${progress} %${back}`;
    case 'DONE':
      return 'done';
    case 'FAILED':
    case 'CANCELED': {
      const why = error === null ? '' : ` (${error.code}): ${error.message}`;
      return `${state === 'FAILED' ? 'failed' : 'canceled'}${why}`;
    }
  }
}

export function tasksTable(tasks: readonly FleetTask[], now: number): string {
  if (tasks.length === 0) return 'There is no task.\n';
  return table([
    ['ID', 'ASKED', 'BY', 'NODE', 'WHAT', 'OBJECT', 'STATE'],
    ...tasks.map((task) => [
      task.id.slice(0, SHORT_ID),
      ago(Date.parse(task.createdAt), now),
      task.requestedBy,
      task.node,
      verbText(task),
      task.objectType === 'VM' ? task.objectId.slice(0, SHORT_ID) : task.objectId,
      taskStateText(task),
    ]),
  ]);
}

export function taskText(task: FleetTask, now: number): string {
  return table([
    ['id', task.id],
    ['node', `${task.node} (${task.nodeId})`],
    ['what', `${verbText(task)} ${task.objectId}`],
    ['state', taskStateText(task)],
    ['says', task.message],
    ['asked', `${when(task.createdAt, now)} by ${task.requestedBy}`],
    ['sent', when(task.sentAt, now, 'not yet')],
    ['began', when(task.startedAt, now, 'not yet')],
    ['ended', when(task.finishedAt, now, 'not yet')],
    ['expires', clock(Date.parse(task.expiresAt), now)],
  ]);
}

export function tokensTable(tokens: readonly FleetToken[], now: number): string {
  if (tokens.length === 0) return 'There is no join token.\n';
  return table([
    ['ID', 'STATE', 'USES', 'EXPIRES', 'MADE', 'DESCRIPTION', 'HOSTS'],
    ...tokens.map((token) => [
      token.id.slice(0, SHORT_ID),
      token.state,
      `${token.uses.length} of ${token.maxUses}`,
      clock(Date.parse(token.expiresAt), now),
      `${ago(Date.parse(token.createdAt), now)} by ${token.createdBy}`,
      token.description,
      token.uses.map(({ hostname, address }) => `${hostname} (${address})`).join(', '),
    ]),
  ]);
}
