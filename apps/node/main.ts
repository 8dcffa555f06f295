import {
  endingSignal,
  expectOperands,
  print,
  refuseCommand,
  runCommandLine,
  UsageError,
} from '../process/command-line.ts';
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

/**
 * The program qx-node.
 * @param args what stands after its name
 * @returns exit status: 0, 1 if something went wrong, 2 if it was called wrongly
 */
export async function main(args: string[]): Promise<number> {
  const options = { json: { type: 'boolean', default: false } } as const;
  return await runCommandLine(
    {
      program: 'qx-node',
      help: HELP,
      options,
      isExplained: (error) => error instanceof AgentError,
      run: ({ command, operands }, { json }) => {
        if (json && command !== 'status') throw new UsageError('--json is of status only');
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
    case 'join':
      expectOperands(operands, 1, 2);
      return await join(operands);
    default:
      return refuseCommand(command);
  }
}

async function run(): Promise<number> {
  const { run: work, PLACES } = await import('./run.ts');
  return await work(PLACES, endingSignal());
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
