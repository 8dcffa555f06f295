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
import { formatAge, formatClock, formatMoment } from '../../text/age.ts';
import { formatBytes } from '../../text/amount.ts';
import { makePrintable } from '../../text/printable.ts';

/** Characters of an id in a list; if they are ambiguous, `show` prints the full id. */
const SHORT_ID = 8;

/** Formats a table: columns are as wide as their widest cell, and control characters are replaced. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(makePrintable));
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
export function formatUsersTable(users: readonly User[], now: number): string {
  if (users.length === 0)
    return 'There is no account: qx-controlplane users first-password makes one.\n';
  return formatTable([
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
  return iso === null ? never : formatMoment(Date.parse(iso), now);
}

export function formatNodesTable(nodes: readonly FleetNode[], now: number): string {
  if (nodes.length === 0) return 'No host has joined.\n';
  return formatTable([
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
  return leftAt === null ? phase : `left ${formatMoment(Date.parse(leftAt), now)}`;
}

export function formatNode(node: FleetNode, now: number): string {
  const { id, hostname, managementAddress, addressSince, lastHeard, joinedAt, vms } = node;
  const since =
    addressSince === null ? '' : `, since ${formatMoment(Date.parse(addressSince), now)}`;
  return formatTable([
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
export function describePower(
  { powerState, known, asOf, lostReason }: FleetVm,
  now: number,
): string {
  const state = powerState.toLowerCase().replaceAll('_', ' ');
  const at = asOf === null ? '' : ` ${formatMoment(Date.parse(asOf), now)}`;
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

export function formatVmsTable(vms: readonly FleetVm[], more: boolean, now: number): string {
  if (vms.length === 0) return 'There is no virtual machine.\n';
  const list = formatTable([
    ['ID', 'NAME', 'NODE', 'POWER'],
    ...vms.map((vm) => [vm.id.slice(0, SHORT_ID), vm.name, vm.node ?? '-', describePower(vm, now)]),
  ]);
  return more ? `${list}There are more: --node NODE lists those of one.\n` : list;
}

export function formatVm(vm: FleetVm, now: number): string {
  return formatTable([
    ['id', vm.id],
    ['name', vm.name],
    ['node', vm.nodeId === null ? 'none' : `${vm.node ?? ''} (${vm.nodeId})`],
    ['power', describePower(vm, now)],
    ['managed', vm.isManaged ? 'yes' : 'no: a host has it, and nobody adopted it'],
  ]);
}

export function formatPoolsTable(pools: readonly FleetPool[], now: number): string {
  if (pools.length === 0) return 'There is no storage pool.\n';
  return formatTable([
    ['ID', 'NAME', 'TYPE', 'HOST', 'HEALTH', 'AVAILABLE'],
    ...pools.flatMap((pool) => {
      const own = [pool.id.slice(0, SHORT_ID), pool.name, pool.type.toLowerCase()];
      if (pool.hosts.length === 0) return [[...own, '-', 'not known', '-']];
      return pool.hosts.map((host) => [
        ...own,
        host.node,
        healthText(host, now),
        host.availableBytes === null ? 'not known' : formatBytes(host.availableBytes),
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

export function formatPool(pool: FleetPool, now: number): string {
  const hosts = pool.hosts.map((host) => {
    const space =
      host.totalBytes === null || host.availableBytes === null
        ? 'size not known'
        : `${formatBytes(host.availableBytes)} of ${formatBytes(host.totalBytes)} available`;
    const problem = host.problem === '' ? '' : `: ${host.problem}`;
    return [`on ${host.node}`, `${healthText(host, now)}, ${space}, ${host.mountPath}${problem}`];
  });
  return formatTable([
    ['id', pool.id],
    ['name', pool.name],
    ['type', pool.type.toLowerCase()],
    ['managed', pool.isManaged ? 'yes' : 'no: a host has it, and nobody adopted it'],
    ...hosts,
  ]);
}

export function formatUpdates({ upstream, releases, rollouts }: FleetUpdates, now: number): string {
  const source =
    upstream === null
      ? 'No update server is mirrored.\n'
      : `Mirrored: ${makePrintable(upstream)}\n`;
  const here =
    releases.length === 0
      ? 'There is no release here.\n'
      : formatTable([
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
      : formatTable([
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

export function formatRollout(rollout: FleetRollout, now: number): string {
  const { id, product, version, serial, channel, architecture, base, hosts } = rollout;
  const head = formatTable([
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
  return `${head}\n${formatTable([['HOST', 'STATE', 'TOLD VERSION', 'LAST HEARD', ''], ...rows])}`;
}

/** Returns the verb of a task in words. */
export function nameVerb({ verb }: FleetTask): string {
  return verb.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** Describes the progress of a task. */
export function describeTaskState({
  state,
  progress,
  error,
  isCancelRequested,
}: FleetTask): string {
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

export function formatTasksTable(tasks: readonly FleetTask[], now: number): string {
  if (tasks.length === 0) return 'There is no task.\n';
  return formatTable([
    ['ID', 'ASKED', 'BY', 'NODE', 'WHAT', 'OBJECT', 'STATE'],
    ...tasks.map((task) => [
      task.id.slice(0, SHORT_ID),
      formatAge(Date.parse(task.createdAt), now),
      task.requestedBy,
      task.node,
      nameVerb(task),
      task.objectType === 'VM' ? task.objectId.slice(0, SHORT_ID) : task.objectId,
      describeTaskState(task),
    ]),
  ]);
}

export function formatTask(task: FleetTask, now: number): string {
  return formatTable([
    ['id', task.id],
    ['node', `${task.node} (${task.nodeId})`],
    ['what', `${nameVerb(task)} ${task.objectId}`],
    ['state', describeTaskState(task)],
    ['says', task.message],
    ['asked', `${when(task.createdAt, now)} by ${task.requestedBy}`],
    ['sent', when(task.sentAt, now, 'not yet')],
    ['began', when(task.startedAt, now, 'not yet')],
    ['ended', when(task.finishedAt, now, 'not yet')],
    ['expires', formatClock(Date.parse(task.expiresAt), now)],
  ]);
}

export function formatTokensTable(tokens: readonly FleetToken[], now: number): string {
  if (tokens.length === 0) return 'There is no join token.\n';
  return formatTable([
    ['ID', 'STATE', 'USES', 'EXPIRES', 'MADE', 'DESCRIPTION', 'HOSTS'],
    ...tokens.map((token) => [
      token.id.slice(0, SHORT_ID),
      token.state,
      `${token.uses.length} of ${token.maxUses}`,
      formatClock(Date.parse(token.expiresAt), now),
      `${formatAge(Date.parse(token.createdAt), now)} by ${token.createdBy}`,
      token.description,
      token.uses.map(({ hostname, address }) => `${hostname} (${address})`).join(', '),
    ]),
  ]);
}
