import { ExplainedError } from '../error.ts';
import {
  createEndingSignal,
  expectOperands,
  print,
  refuseCommand,
  runCommandLine,
} from '../process/command-line.ts';
import { makeExt4 } from './make-ext4.ts';
import { openBlockDevice } from './open-block-device.ts';
import { startImage } from './start-image.ts';

const HELP = `Usage: qx-disk start-image DEVICE

Called at boot, before anything of a disk is mounted. Of a disk image that was never started it
makes this machine's disk: the data partition gets all of it, configuration and data get empty
file systems, disk and partitions new identifiers. Any other disk is left as it is.

  --help              this text
  --version           the version
`;

/**
 * Runs the program qx-disk.
 * @param args arguments after its name
 * @returns exit status: 0, 1 if something went wrong, 2 for wrong usage
 */
export async function main(args: string[]): Promise<number> {
  return await runCommandLine(
    {
      program: 'qx-disk',
      help: HELP,
      options: {},
      isExplained: (error) => error instanceof ExplainedError,
      run: async ({ command, operands }) => {
        if (command !== 'start-image') refuseCommand(command);
        expectOperands(operands, 1);
        const [path = ''] = operands;
        const signal = createEndingSignal();
        await using device = await openBlockDevice(path, { write: true });
        const started = await startImage(device, (partition) => makeExt4(path, partition, signal));
        return print(started ? `${path} is this machine's disk\n` : `${path} was started before\n`);
      },
    },
    args,
  );
}
