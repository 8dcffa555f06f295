import { parseArgs } from 'node:util';
import { VERSION } from '../version.ts';
import { AgentError } from './client/ask.ts';

const HELP = `Usage: qx-node COMMAND

The agent of this host.

  run                   be the agent, until told to end; the service qx-node does this
  status [--json]       tell how the host and its agent fare
  join ADDRESS [TOKEN]  join the control plane at ADDRESS, such as https://qvdc.example;
                        without TOKEN it is read from standard input

  --help                this text
  --version             the version
`;

/** What was typed makes no sense. */
class UsageError extends Error {}

/**
 * The program qx-node.
 * @param args what stands after its name
 * @returns exit status: 0, 1 if something went wrong, 2 if it was called wrongly
 */
export async function main(args: string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    if (error instanceof AgentError) return complain(error.message, 1);
    if (error instanceof UsageError) return complain(`${error.message}; see qx-node --help`, 2);
    throw error;
  }
}

async function dispatch(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const [command, ...operands] = positionals;
  if (values.help) return print(HELP);
  if (values.version) return print(`${VERSION}\n`);
  if (values.json && command !== 'status') throw new UsageError('--json is of status only');
  switch (command) {
    case 'run':
      expectOperands(operands, 0, 0);
      return await run();
    case 'status':
      expectOperands(operands, 0, 0);
      return await status(values.json ? 'json' : 'text');
    case 'join':
      expectOperands(operands, 1, 2);
      return await join(operands);
    case undefined:
      throw new UsageError('a command is missing');
    default:
      throw new UsageError(`there is no command ${JSON.stringify(command)}`);
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function run(): Promise<number> {
  const { run: work, PLACES } = await import('./run.ts');
  const ending = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => ending.abort());
  }
  return await work(PLACES, ending.signal);
}

async function status(form: 'text' | 'json'): Promise<number> {
  const [{ readStatus }, { describe }, { AGENT_SOCKET }] = await Promise.all([
    import('./client/status.ts'),
    import('./client/describe.ts'),
    import('../api/socket.ts'),
  ]);
  const told = await readStatus(AGENT_SOCKET);
  return print(form === 'json' ? `${JSON.stringify(told, null, 2)}\n` : describe(told));
}

async function join([address = '', given]: readonly string[]): Promise<number> {
  const [{ joinControlPlane }, { AGENT_SOCKET }, { text }] = await Promise.all([
    import('./client/join.ts'),
    import('../api/socket.ts'),
    import('node:stream/consumers'),
  ]);
  const token = given ?? (await text(process.stdin)).trim();
  return print(`${await joinControlPlane(AGENT_SOCKET, { address, token })}\n`);
}

function expectOperands(operands: readonly string[], least: number, most: number): void {
  if (operands.length < least) throw new UsageError('something is missing');
  const [tooMuch] = operands.slice(most);
  if (tooMuch !== undefined) throw new UsageError(`${JSON.stringify(tooMuch)} is too much`);
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function complain(what: string, exitStatus: number): number {
  process.stderr.write(`qx-node: ${what}\n`);
  return exitStatus;
}
