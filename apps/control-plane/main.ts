import { parseArgs } from 'node:util';
import { VERSION } from '../version.ts';
import { CONFIG_FILE } from './config.ts';
import { ControlPlaneError } from './error.ts';

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

/** What was typed makes no sense. */
class UsageError extends Error {}

/**
 * The program qx-controlplane.
 * @param args what stands after its name
 * @returns exit status: 0, 1 if something went wrong, 2 if it was called wrongly
 */
export async function main(args: string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    if (error instanceof ControlPlaneError) return complain(error.message, 1);
    if (error instanceof UsageError) {
      return complain(`${error.message}; see qx-controlplane --help`, 2);
    }
    throw error;
  }
}

async function dispatch(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) return print(HELP);
  if (values.version) return print(`${VERSION}\n`);
  const form = values.json ? 'json' : 'text';
  const [command, ...operands] = positionals;
  switch (command) {
    case 'run': {
      expectNoMore(operands);
      const { runControlPlane } = await import('./run.ts');
      return await runControlPlane(values.config, endingSignal());
    }
    case 'migrate': {
      const [direction, ...rest] = operands;
      const { applyMigrations, showMigrations, takeMigrationsBack } = await import(
        './commands/migrate.ts'
      );
      if (direction === 'status') {
        expectNoMore(rest);
        return print(await showMigrations(values.config, form));
      }
      if (direction === 'up') {
        expectNoMore(rest);
        return print(await applyMigrations(values.config));
      }
      if (direction === 'down') {
        const [count = '1', ...more] = rest;
        expectNoMore(more);
        return print(await takeMigrationsBack(values.config, parseCount(count)));
      }
      throw new UsageError('migrate status, up or down?');
    }
    case 'doctor': {
      expectNoMore(operands);
      const { examine } = await import('./commands/doctor.ts');
      const { text, isWell } = await examine(values.config, form);
      print(text);
      return isWell ? 0 : 1;
    }
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
        config: { type: 'string', default: CONFIG_FILE },
        help: { type: 'boolean', short: 'h', default: false },
        json: { type: 'boolean', default: false },
        version: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new UsageError(`${JSON.stringify(text)} is no number of migrations`);
}

/** Aborted when the program is told to end. */
function endingSignal(): AbortSignal {
  const ending = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ending.abort());
  return ending.signal;
}

function expectNoMore([tooMuch]: readonly string[]): void {
  if (tooMuch !== undefined) throw new UsageError(`${JSON.stringify(tooMuch)} is too much`);
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function complain(what: string, exitStatus: number): number {
  process.stderr.write(`qx-controlplane: ${what}\n`);
  return exitStatus;
}
