import { hostname } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ExplainedError } from '../error.ts';
import { CommandError } from '../process/command-error.ts';
import {
  createEndingSignal,
  expectOperands,
  print,
  refuseCommand,
  runCommandLine,
  UsageError,
} from '../process/command-line.ts';

const HELP = `Usage: qx-support COMMAND

Makes a support bundle, one file without secrets that shows what is wrong with this machine:
logs, versions, state, configuration. docs/upkeep.md lists its content.

  write               write it to standard output: ssh root@HOST qx-support write >FILE.tar.gz
  write --to DEVICE   write it to a stick, such as /dev/sdb1
  sticks              list the sticks that it can be written to

  --help              this text
  --version           the version
`;

/**
 * Runs the program qx-support.
 * @param args arguments after its name
 * @returns exit status: 0, 1 if something went wrong, 2 for wrong usage
 */
export async function main(args: string[]): Promise<number> {
  return await runCommandLine(
    {
      program: 'qx-support',
      help: HELP,
      options: { to: { type: 'string' } } as const,
      isExplained: (error) => error instanceof ExplainedError || error instanceof CommandError,
      run: async ({ command, operands }, { to }) => {
        if (to !== undefined && command !== 'write')
          throw new UsageError('--to is an option of write only');
        expectOperands(operands);
        if (command === 'sticks') return await listSticks();
        if (command !== 'write') return refuseCommand(command);
        return to === undefined ? await writeOut() : await writeTo(to);
      },
    },
    args,
  );
}

async function writeOut(): Promise<number> {
  if (process.stdout.isTTY) throw new UsageError('standard output is a terminal: > FILE.tar.gz');
  const { bundleOf } = await import('./write.ts');
  const signal = createEndingSignal();
  await pipeline(Readable.from(bundleOf(new Date(), signal)), process.stdout, { end: false });
  return 0;
}

async function writeTo(device: string): Promise<number> {
  const { writeToStick } = await import('./write.ts');
  const name = await writeToStick(device, { hostname: hostname(), signal: createEndingSignal() });
  return print(`${name} is on ${device}, which can be taken out\n`);
}

async function listSticks(): Promise<number> {
  const { readSticks } = await import('./sticks.ts');
  const sticks = await readSticks();
  if (sticks.length === 0) return print('there is no stick with a FAT or ext4 file system\n');
  const lines = sticks.map(({ path, type, label, size, model }) =>
    [path, type, `${Math.floor(size / 1024 ** 2)} MiB`, label ?? '-', model ?? '-'].join('\t'),
  );
  return print(`${lines.join('\n')}\n`);
}
