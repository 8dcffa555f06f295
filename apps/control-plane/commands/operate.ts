import {
  type FleetRollout,
  type FleetTask,
  LONGEST_TOKEN_LIFE,
  VM_ACTIONS,
} from '../../api/fleet.ts';
import { type IssuedUser, USER_ROLES, type UserRole } from '../../api/users.ts';
import { AnswerError } from '../../http/ask.ts';
import { expectOperands, UsageError } from '../../process/command-line.ts';
import { formatClock } from '../../text/age.ts';
import { makePrintable } from '../../text/printable.ts';
import { ControlPlaneError } from '../error.ts';
import * as client from '../operator/client.ts';
import * as describe from '../operator/describe.ts';
import { type OperatorCommand, refuseOptions, refuseVerb } from '../operator/options.ts';
import { runAddress } from './address.ts';
import { runCertificate } from './certificate.ts';
import {
  formatOutcome,
  type Operating,
  type Outcome,
  parseDuration,
  parseUpTo100,
  requireOne,
} from './operating.ts';
import * as oversee from './oversee.ts';

/**
 * Carries out `qx-controlplane token|nodes|vms|pools|tasks|updates|events|alerts|audit|users|certificate|address`,
 * through the control plane that runs on this machine.
 * @throws UsageError
 * @throws AnswerError with the control plane's message if it refuses, or if it does not run
 */
export async function operate(
  command: OperatorCommand,
  [verb = '', ...operands]: readonly string[],
  operating: Operating,
): Promise<Outcome> {
  refuseOptions(`${command} ${verb}`, operating.values);
  if (operands.includes('')) throw new UsageError('an argument is empty');
  switch (command) {
    case 'token':
      return await token(verb, operands, operating);
    case 'nodes':
      return await nodes(verb, operands, operating);
    case 'vms':
      return await vms(verb, operands, operating);
    case 'pools':
      return await pools(verb, operands, operating);
    case 'tasks':
      return await tasks(verb, operands, operating);
    case 'updates':
      return await updates(verb, operands, operating);
    case 'events':
      return await oversee.runEvents(verb, operands, operating);
    case 'alerts':
      return await oversee.runAlerts(verb, operands, operating);
    case 'audit':
      return await oversee.runAudit(verb, operands, operating);
    case 'users':
      return await users(verb, operands, operating);
    case 'certificate':
      return await runCertificate(verb, operands, operating);
    case 'address':
      return await runAddress(verb, operands, operating);
  }
}

async function token(
  verb: string,
  operands: readonly string[],
  operating: Operating,
): Promise<Outcome> {
  const { values } = operating;
  switch (verb) {
    case 'create': {
      expectOperands(operands);
      const request = {
        description: values.description ?? '',
        uses: parseUses(values.uses ?? '1'),
        expiresInSeconds: parseDuration(values.expires ?? '1h', LONGEST_TOKEN_LIFE),
      };
      const made = await client.createToken(request, operating);
      const now = Date.now();
      return formatOutcome(operating, made, () =>
        [
          made.joinToken,
          `good for ${made.maxUses === 1 ? 'one host' : `${made.maxUses} hosts`}, until ${formatClock(Date.parse(made.expiresAt), now)}; it is shown this once`,
          `fingerprint of this control plane: ${made.fingerprint}`,
          '',
        ].join('\n'),
      );
    }
    case 'list': {
      expectOperands(operands);
      const tokens = await client.listTokens(operating);
      return formatOutcome(operating, { tokens }, (now) => describe.formatTokensTable(tokens, now));
    }
    case 'revoke': {
      const revoked = await client.revokeToken(requireOne(operands), operating);
      return formatOutcome(operating, revoked, () => `${revoked.id} is ${revoked.state}.\n`);
    }
    default:
      refuseVerb('token');
  }
}

async function nodes(
  verb: string,
  operands: readonly string[],
  operating: Operating,
): Promise<Outcome> {
  const { values } = operating;
  switch (verb) {
    case 'list': {
      expectOperands(operands);
      const all = await client.listNodes(operating);
      return formatOutcome(operating, { nodes: all }, (now) => describe.formatNodesTable(all, now));
    }
    case 'show': {
      const node = await client.showNode(requireOne(operands), operating);
      return formatOutcome(operating, node, (now) => describe.formatNode(node, now));
    }
    case 'resync': {
      const node = await client.resyncNode(requireOne(operands), operating);
      const name = makePrintable(node.hostname);
      return formatOutcome(
        operating,
        node,
        () => `${name} is asked for its full state at its next heartbeat.\n`,
      );
    }
    case 'maintenance': {
      expectOperands(operands, 2);
      const [name = '', state = ''] = operands;
      if (state !== 'on' && state !== 'off')
        throw new UsageError(`nodes maintenance ${name} is followed by on or off`);
      parseDuration(values.within ?? WITHIN, LONGEST_TASK);
      const request = { on: state === 'on', reason: values.reason ?? '' };
      const task = await client.setNodeMaintenance(name, request, operating);
      return await follow([task], operating);
    }
    case 'adopt': {
      const node = await client.adoptNode(requireOne(operands), operating);
      return formatOutcome(
        operating,
        node,
        () => `${node.id} is adopted, and reports its name itself.\n`,
      );
    }
    case 'delete': {
      const node = await client.showNode(requireOne(operands), operating);
      await confirmDelete(node.hostname, operating);
      const gone = await client.deleteNode(node.id, values.reason ?? '', operating);
      const name = makePrintable(gone.hostname);
      return formatOutcome(
        operating,
        gone,
        () => `${name} is deleted. It is refused until it joins with a new token.\n`,
      );
    }
    default:
      refuseVerb('nodes');
  }
}

/**
 * Protects against deleting by mistake: asks the operator for the host's name, unless --yes was given.
 * @throws ControlPlaneError if the answer is not the name
 */
async function confirmDelete(hostname: string, { values, askLine }: Operating): Promise<void> {
  if (values.yes === true) return;
  const name = makePrintable(hostname);
  const typed = await askLine(`Type the host's name, ${name}, to delete it: `);
  if (typed?.trim() === name) return;
  throw new ControlPlaneError({
    what: `${name} is not deleted: its name was not typed`,
    fix: 'Type it, or give --yes.',
  });
}

async function vms(
  verb: string,
  operands: readonly string[],
  operating: Operating,
): Promise<Outcome> {
  switch (verb) {
    case 'list': {
      expectOperands(operands);
      const { vms: all, more } = await client.listVms(operating.values.node, operating);
      return formatOutcome(operating, { vms: all, more }, (now) =>
        describe.formatVmsTable(all, more, now),
      );
    }
    case 'show': {
      const vm = await client.showVm(requireOne(operands), operating);
      return formatOutcome(operating, vm, (now) => describe.formatVm(vm, now));
    }
  }
  const action = VM_ACTIONS.find((known) => known === verb);
  if (action === undefined) refuseVerb('vms');
  expectOperands(operands, 1, Number.POSITIVE_INFINITY);
  // A wrong name is found before anything is done to the other VMs.
  const found = [];
  for (const name of operands) found.push(await client.showVm(name, operating));
  const seconds = parseDuration(operating.values.within ?? WITHIN, LONGEST_TASK);
  const begun: FleetTask[] = [];
  const refusals: AnswerError[] = [];
  for (const { id } of found) {
    try {
      begun.push(await client.actOnVm(id, { action, expiresInSeconds: seconds }, operating));
    } catch (error) {
      // The tasks of the other VMs are under way, or still to be requested.
      if (!(error instanceof AnswerError)) throw error;
      refusals.push(error);
    }
  }
  const [refusal] = refusals;
  if (refusal !== undefined && begun.length === 0) throw refusal;
  for (const { message } of refusals) operating.tell(`${makePrintable(message)}\n`);
  const outcome = await follow(begun, operating, new Map(found.map(({ id, name }) => [id, name])));
  return refusal === undefined ? outcome : { ...outcome, status: 1 };
}

async function pools(
  verb: string,
  operands: readonly string[],
  operating: Operating,
): Promise<Outcome> {
  switch (verb) {
    case 'list': {
      expectOperands(operands);
      const all = await client.listPools(operating);
      return formatOutcome(operating, { pools: all }, (now) => describe.formatPoolsTable(all, now));
    }
    case 'show': {
      const pool = await client.showPool(requireOne(operands), operating);
      return formatOutcome(operating, pool, (now) => describe.formatPool(pool, now));
    }
    default:
      refuseVerb('pools');
  }
}

async function tasks(
  verb: string,
  operands: readonly string[],
  operating: Operating,
): Promise<Outcome> {
  switch (verb) {
    case 'list': {
      expectOperands(operands);
      const all = await client.listTasks(operating.values.node, operating);
      return formatOutcome(operating, { tasks: all }, (now) => describe.formatTasksTable(all, now));
    }
    case 'show': {
      const task = await client.showTask(requireOne(operands), operating);
      return formatOutcome(operating, task, (now) => describe.formatTask(task, now));
    }
    case 'cancel': {
      const task = await client.cancelTask(requireOne(operands), operating);
      return formatOutcome(
        operating,
        task,
        () => `${makePrintable(describe.describeTaskState(task))}\n`,
      );
    }
    default:
      refuseVerb('tasks');
  }
}

async function updates(
  verb: string,
  operands: readonly string[],
  operating: Operating,
): Promise<Outcome> {
  const { values } = operating;
  const rolledOut = (rollout: FleetRollout) =>
    formatOutcome(operating, rollout, (now) => describe.formatRollout(rollout, now));
  switch (verb) {
    case 'list': {
      expectOperands(operands);
      const all = await client.listUpdates(operating);
      return formatOutcome(operating, all, (now) => describe.formatUpdates(all, now));
    }
    case 'show':
      return rolledOut(await client.showRollout(requireOne(operands), operating));
    case 'start': {
      expectOperands(operands, 0, 1);
      const [version] = operands;
      const request = {
        channel: values.channel ?? 'stable',
        architecture: values.arch ?? 'x86_64',
        percentage: parseUpTo100('percent', values.percent ?? '100'),
        atOnce: parseUpTo100('at-once', values['at-once'] ?? '1'),
        ...(version === undefined ? {} : { version }),
      };
      return rolledOut(await client.startRollout(request, operating));
    }
    case 'pause':
      return rolledOut(await client.pauseRollout(requireOne(operands), operating));
    case 'resume': {
      const { percent } = values;
      const request = {
        skipFailed: values['skip-failed'] === true,
        ...(percent === undefined ? {} : { percentage: parseUpTo100('percent', percent) }),
      };
      return rolledOut(await client.resumeRollout(requireOne(operands), request, operating));
    }
    default:
      refuseVerb('updates');
  }
}

async function users(
  verb: string,
  operands: readonly string[],
  operating: Operating,
): Promise<Outcome> {
  const issued = (user: IssuedUser) =>
    formatOutcome(operating, user, () =>
      [
        `${user.username}: ${user.password}`,
        'It is shown this once, and has to be changed with the first log-in.',
        '',
      ].join('\n'),
    );
  switch (verb) {
    case 'list': {
      expectOperands(operands);
      const all = await client.listUsers(operating);
      return formatOutcome(operating, { users: all }, (now) => describe.formatUsersTable(all, now));
    }
    case 'add': {
      const username = requireOne(operands);
      const role = parseRole(operating.values.role ?? 'viewer');
      return issued(await client.addUser({ username, role }, operating));
    }
    case 'first-password': {
      expectOperands(operands);
      return issued(await client.issueFirstPassword(operating));
    }
    case 'reset-password':
      return issued(await client.resetUserPassword(requireOne(operands), operating));
    case 'disable':
    case 'enable': {
      const user = await client.setUserEnabled(requireOne(operands), verb, operating);
      return formatOutcome(operating, user, () => `${user.username} is ${verb}d.\n`);
    }
    default:
      refuseVerb('users');
  }
}

function parseRole(text: string): UserRole {
  const role = USER_ROLES.find((known) => known === text);
  if (role !== undefined) return role;
  throw new UsageError(`--role ${JSON.stringify(text)} is not one of ${USER_ROLES.join(', ')}`);
}

/** Longest time of a task in seconds. */
const LONGEST_TASK = 24 * 60 * 60;

/** Default time that a task may take, and for which its end is awaited. */
const WITHIN = '2m';

/** Milliseconds between two checks of a task, and the extra time to wait for the host's late answer. */
const LOOK_EVERY = 500;
const GRACE = 10_000;

/** Waits for tasks to end and prints their progress, unless --no-wait was given. */
async function follow(
  begun: readonly FleetTask[],
  operating: Operating,
  names: ReadonlyMap<string, string> = new Map(),
): Promise<Outcome> {
  const wait = operating.values['no-wait'] !== true;
  const ended = wait
    ? await Promise.all(begun.map((task) => waitFor(task, operating, names)))
    : begun;
  const status = ended.some(hasFailed) ? 1 : wait && !ended.every(isEnded) ? 3 : 0;
  const { text } = formatOutcome(operating, { tasks: ended }, () =>
    ended.map((task) => `${taskLine(task, names)}\n`).join(''),
  );
  return { text, status };
}

async function waitFor(
  begun: FleetTask,
  operating: Operating,
  names: ReadonlyMap<string, string>,
): Promise<FleetTask> {
  const { signal, form, tell } = operating;
  const started = performance.now();
  const within = parseDuration(operating.values.within ?? WITHIN, LONGEST_TASK);
  const patience = within * 1000 + GRACE;
  let task = begun;
  let shown = '';
  let reported = '';
  while (!isEnded(task) && !signal.aborted && performance.now() - started < patience) {
    const line = taskLine(task, names);
    if (form === 'text' && line !== shown) tell(`${line}\n`);
    shown = line;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
    try {
      task = await client.showTask(task.id, { socket: operating.socket });
    } catch (error) {
      // The task continues without the control plane, which may be restarting.
      if (!(error instanceof AnswerError)) throw error;
      if (error.message !== reported) tell(`${makePrintable(error.message)}; retrying\n`);
      reported = error.message;
    }
  }
  return task;
}

function taskLine(task: FleetTask, names: ReadonlyMap<string, string>): string {
  const name = names.get(task.objectId) ?? task.node;
  const message = isEnded(task) || task.message === '' ? '' : `: ${task.message}`;
  const end = isEnded(task) || task.state === 'QUEUED' ? '' : ` (task ${task.id})`;
  return makePrintable(
    `${name}: ${describe.nameVerb(task)}: ${describe.describeTaskState(task)}${message}${end}`,
  );
}

function isEnded({ finishedAt }: FleetTask): boolean {
  return finishedAt !== null;
}

function hasFailed({ state }: FleetTask): boolean {
  return state === 'FAILED' || state === 'CANCELED';
}

function parseUses(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text) || text === '10000') return Number(text);
  throw new UsageError(`--uses ${JSON.stringify(text)} is not a number from 1 to 10000`);
}
