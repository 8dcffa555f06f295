import { ExplainedError } from '../error.ts';
import { AnswerError } from '../http/ask.ts';
import {
  createEndingSignal,
  expectOperands,
  print,
  refuseCommand,
  runCommandLine,
  UsageError,
} from '../process/command-line.ts';
import { makePrintable } from '../text/printable.ts';
import { hasPoolValues, POOL_OPTIONS, type PoolValues } from './client/pool-options.ts';

const HELP = `Usage: qx-node COMMAND

The agent of this host.

  run                   run the agent until it is stopped; used by the service qx-node
  status [--json]       show the state of the host and its agent
  join ADDRESS [TOKEN]  join the control plane at ADDRESS, such as https://qvdc.example;
                        without TOKEN it is asked for, or read from standard input
  leave [--force]       leave the control plane; with --force even if it cannot be notified
  guests start          start the virtual machines that run after a boot
  guests stop           shut down all virtual machines, as before a restart of the host
  guests cut-short      cut the power of those that a stop still waits for
  maintenance on [REASON]   start no virtual machine, not even at a boot; running ones continue
  maintenance off       allow starting them again
  pool create NAME …    make a storage pool: of an empty disk (--disk /dev/sdb, with --lvm a volume
                        group), of the disk of an iSCSI target (--iscsi TARGET --portal ADDRESS),
                        of a folder (--directory PATH), of an export (--nfs SERVER:/EXPORT);
                        a disk with content is overwritten only with --destroy SERIAL, or with
                        --destroy PATH if it has no serial number
  pool import NAME …    use the content of such a disk, folder or export
  pool remove NAME      remove a pool; its data stays
  pool up               mount the pools; used by the service quantix-pools
  version [--json]      show which agent runs, and whether it is the image's own
  deploy FILE           run the agent in FILE instead of the image's, until the next image;
                        one that is not ready in time is taken back
  deploy --undo         go back to the agent that ran before, or the image's own
  deployment choose     choose the agent to run, and print its path
  deployment settle     confirm the agent on trial, or take it back; the service qx-node
                        does both

  --within SECONDS      time for a deployed agent to become ready; 120 if absent
  --path PATH           where a pool is mounted; /pools/NAME if absent
  --option OPTION       option of mount, such as nfsvers=3; several times for several

  --help                this text
  --version             the version
`;

/**
 * Runs the program qx-node.
 * @param args arguments after its name
 * @returns exit status: 0, 1 if something went wrong, 2 for wrong usage
 */
export async function main(args: string[]): Promise<number> {
  const options = {
    json: { type: 'boolean', default: false },
    force: { type: 'boolean', default: false },
    undo: { type: 'boolean', default: false },
    within: { type: 'string' },
    ...POOL_OPTIONS,
  } as const;
  return await runCommandLine(
    {
      program: 'qx-node',
      help: HELP,
      options,
      isExplained: (error) => error instanceof AnswerError || error instanceof ExplainedError,
      run: ({ command, operands }, { json, force, undo, within, ...values }) => {
        if (command !== 'deploy' && (undo || within !== undefined)) {
          throw new UsageError('--undo and --within are options of deploy only');
        }
        if (force && command !== 'leave')
          throw new UsageError('--force is an option of leave only');
        if (json && command !== 'status' && command !== 'version') {
          throw new UsageError('--json is an option of status and version only');
        }
        if (command === 'pool') return pool(operands, values);
        if (hasPoolValues(values)) throw new UsageError('these options are for pool only');
        if (command === 'leave') return leave(operands, force);
        if (command === 'deploy') return deploy(operands, undo, within);
        return dispatch(command, operands, json ? 'json' : 'text');
      },
    },
    args,
  );
}

async function dispatch(
  command: string | undefined,
  operands: readonly string[],
  form: 'json' | 'text',
): Promise<number> {
  switch (command) {
    case 'run':
      expectOperands(operands);
      return await run();
    case 'status':
      expectOperands(operands);
      return await status(form);
    case 'version':
      expectOperands(operands);
      return await version(form);
    case 'deployment':
      expectOperands(operands, 1);
      return await deployment(operands);
    case 'join':
      expectOperands(operands, 1, 2);
      return await join(operands);
    case 'maintenance':
      expectOperands(operands, 1, 2);
      return await maintenance(operands);
    case 'guests':
      expectOperands(operands, 1);
      return await guests(operands);
    default:
      return refuseCommand(command);
  }
}

async function run(): Promise<number> {
  const { run: work, PLACES } = await import('./run.ts');
  return await work(PLACES, createEndingSignal());
}

async function guests([verb = '']: readonly string[]): Promise<number> {
  if (verb !== 'start' && verb !== 'stop' && verb !== 'cut-short') {
    throw new UsageError('guests is followed by start, stop or cut-short');
  }
  const { runGuests } = await import('./vms/guests.ts');
  return await runGuests(verb, createEndingSignal());
}

async function maintenance([state = '', reason]: readonly string[]): Promise<number> {
  if (state !== 'on' && (state !== 'off' || reason !== undefined)) {
    throw new UsageError('maintenance is followed by on and optionally a reason, or by off');
  }
  const [{ setMaintenance }, { AGENT_SOCKET }] = await Promise.all([
    import('./client/maintenance.ts'),
    import('../api/socket.ts'),
  ]);
  const described = await setMaintenance(AGENT_SOCKET, { on: state === 'on', reason });
  return print(`maintenance is ${makePrintable(described)}\n`);
}

async function status(form: 'text' | 'json'): Promise<number> {
  const [{ readStatus }, { describe }, { AGENT_SOCKET }] = await Promise.all([
    import('./client/status.ts'),
    import('./client/describe.ts'),
    import('../api/socket.ts'),
  ]);
  const status = await readStatus(AGENT_SOCKET);
  return print(form === 'json' ? `${JSON.stringify(status, null, 2)}\n` : describe(status));
}

async function version(form: 'text' | 'json'): Promise<number> {
  const [{ readVersions, describeVersions }, { DEPLOYMENT_PLACES }] = await Promise.all([
    import('./deployment/versions.ts'),
    import('./deployment/places.ts'),
  ]);
  const versions = await readVersions(DEPLOYMENT_PLACES);
  return print(
    form === 'json' ? `${JSON.stringify(versions, null, 2)}\n` : describeVersions(versions),
  );
}

async function deploy(
  operands: readonly string[],
  undo: boolean,
  given: string | undefined,
): Promise<number> {
  expectOperands(operands, undo ? 0 : 1);
  const within = Number(given ?? 120);
  if (!Number.isInteger(within) || within < 30 || within > 3600) {
    throw new UsageError('--within takes whole seconds, 30 to 3600');
  }
  const [{ deployAgent, undoDeployment }, { DEPLOYMENT_PLACES }] = await Promise.all([
    import('./deployment/deploy.ts'),
    import('./deployment/places.ts'),
  ]);
  const say = (line: string) => void print(`${makePrintable(line)}\n`);
  const options = { within, say, signal: createEndingSignal() };
  const [file = ''] = operands;
  say(
    undo
      ? await undoDeployment(DEPLOYMENT_PLACES, options)
      : await deployAgent(file, DEPLOYMENT_PLACES, options),
  );
  return 0;
}

/** Runs a command of the service. `choose` prints only a path on standard output; problems go to standard error. */
async function deployment([verb = '']: readonly string[]): Promise<number> {
  if (verb !== 'choose' && verb !== 'settle')
    throw new UsageError('deployment is followed by choose or settle');
  const { DEPLOYMENT_PLACES } = await import('./deployment/places.ts');
  if (verb === 'settle') {
    const { settle } = await import('./deployment/settle.ts');
    await settle(DEPLOYMENT_PLACES);
    return 0;
  }
  const { chooseAgent } = await import('./deployment/choose.ts');
  const say = (line: string) => void process.stderr.write(`${makePrintable(line)}\n`);
  const file = await chooseAgent(DEPLOYMENT_PLACES, say);
  return print(file === undefined ? '' : `${file}\n`);
}

async function join([address = '', given]: readonly string[]): Promise<number> {
  const [{ joinControlPlane }, { AGENT_SOCKET }] = await Promise.all([
    import('./client/join.ts'),
    import('../api/socket.ts'),
  ]);
  const token = given ?? (await readToken());
  return print(`${await joinControlPlane(AGENT_SOCKET, { address, token })}\n`);
}

/** Reads a join token from standard input; at a terminal it prompts and does not echo. */
async function readToken(): Promise<string> {
  if (!process.stdin.isTTY) {
    const { text } = await import('node:stream/consumers');
    return (await text(process.stdin)).trim();
  }
  const { askSecret } = await import('../process/ask-secret.ts');
  const token = await askSecret('Join token: ');
  if (token === undefined) throw new ExplainedError({ what: 'no token was typed' });
  return token.trim();
}

async function leave(operands: readonly string[], force: boolean): Promise<number> {
  expectOperands(operands);
  const [{ leaveControlPlane }, { AGENT_SOCKET }] = await Promise.all([
    import('./client/join.ts'),
    import('../api/socket.ts'),
  ]);
  return print(`${await leaveControlPlane(AGENT_SOCKET, force)}\n`);
}

async function pool(
  [action, name = '', ...rest]: readonly string[],
  values: PoolValues,
): Promise<number> {
  if (action === 'up') {
    expectOperands(name === '' ? [] : [name, ...rest]);
    return await bringUp();
  }
  if (action !== 'create' && action !== 'import' && action !== 'remove') {
    throw new UsageError('pool is followed by create, import, remove or up');
  }
  expectOperands(name === '' ? [] : [name, ...rest], 1);
  const [{ addPool, makePoolRequest, removePool }, { AGENT_SOCKET }] = await Promise.all([
    import('./client/pool.ts'),
    import('../api/socket.ts'),
  ]);
  if (action !== 'remove') {
    return print(`${await addPool(AGENT_SOCKET, makePoolRequest(action, name, values))}\n`);
  }
  if (hasPoolValues(values)) throw new UsageError('pool remove takes a name only');
  await removePool(AGENT_SOCKET, name);
  return print(`${name} is no longer a pool; its data stays\n`);
}

async function bringUp(): Promise<number> {
  const { bringUpPools, NODE_CONFIG } = await import('./pools/bring-up.ts');
  const problems = await bringUpPools(NODE_CONFIG, createEndingSignal());
  for (const line of problems) process.stderr.write(`${line}\n`);
  return problems.length === 0 ? 0 : 1;
}
