import {
  endingSignal,
  expectOperands,
  print,
  refuseCommand,
  runCommandLine,
  UsageError,
} from '../process/command-line.ts';
import { ControlPlaneError } from './error.ts';

/** Where an appliance has its configuration. */
const CONFIG_FILE = '/quantix/vdc/config.yaml';

const HELP = `Usage: qx-controlplane COMMAND

The control plane.

  run                       be the control plane, until told to end; the service qx-controlplane does this
  migrate status [--json]   tell which migrations the database has
  migrate up                apply the migrations that it lacks; the database is dumped before
  migrate down [COUNT]      take the newest migrations back, one if no COUNT is given; the database is dumped before
  doctor [--json]           tell how database, etcd and Redis fare, and what to do

  --config FILE             another configuration than ${CONFIG_FILE}
  --help                    this text
  --version                 the version
`;

/**
 * The program qx-controlplane.
 * @param args what stands after its name
 * @returns exit status: 0, 1 if something went wrong, 2 if it was called wrongly
 */
export async function main(args: string[]): Promise<number> {
  const options = {
    config: { type: 'string', default: CONFIG_FILE },
    json: { type: 'boolean', default: false },
  } as const;
  return await runCommandLine(
    {
      program: 'qx-controlplane',
      help: HELP,
      options,
      isExplained: (error) => error instanceof ControlPlaneError,
      run: ({ command, operands }, { config, json }) =>
        dispatch(command, operands, { config, form: json ? 'json' : 'text' }),
    },
    args,
  );
}

interface Options {
  /** File with the configuration. */
  config: string;
  /** How what is told is told. */
  form: 'json' | 'text';
}

async function dispatch(
  command: string | undefined,
  operands: readonly string[],
  { config, form }: Options,
): Promise<number> {
  switch (command) {
    case 'run': {
      expectOperands(operands);
      const { runControlPlane } = await import('./run.ts');
      return await runControlPlane(config, endingSignal());
    }
    case 'migrate':
      return print(await migrate(operands, { config, form }));
    case 'doctor': {
      expectOperands(operands);
      const { examine } = await import('./commands/doctor.ts');
      const { text, isWell } = await examine(config, form);
      print(text);
      return isWell ? 0 : 1;
    }
    default:
      return refuseCommand(command);
  }
}

/** @returns the text to print */
async function migrate(
  [direction, ...operands]: readonly string[],
  { config, form }: Options,
): Promise<string> {
  const { applyMigrations, showMigrations, takeMigrationsBack } = await import(
    './commands/migrate.ts'
  );
  switch (direction) {
    case 'status':
      expectOperands(operands);
      return await showMigrations(config, form);
    case 'up':
      expectOperands(operands);
      return await applyMigrations(config);
    case 'down': {
      expectOperands(operands, 0, 1);
      const [count = '1'] = operands;
      return await takeMigrationsBack(config, parseCount(count));
    }
    default:
      throw new UsageError('migrate status, up or down?');
  }
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new UsageError(`${JSON.stringify(text)} is no number of migrations`);
}
