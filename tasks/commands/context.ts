import type { Argv, CommandModule } from 'yargs';
import type { Output } from '../ui/events.ts';

/** What every command is given besides its options. */
export interface CommandContext {
  output: Output;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
}

/** A command of `qx-build`; made once per run. What it does is imported when it is called. */
export type Command = (context: CommandContext) => CommandModule<object, object>;

/** Options of every command that names images. */
export function imageOptions<T>(yargs: Argv<T>) {
  return yargs
    .option('profile', {
      type: 'string',
      array: true,
      describe: 'Profile(s) to work on; all of profiles/ if absent',
    })
    .option('base', {
      choices: ['auto', 'debian'] as const,
      default: 'auto' as const,
      describe: 'Supplier of packages; auto takes the one that can be reached',
    })
    .option('flavour', {
      choices: ['virt', 'full'] as const,
      describe:
        'Kernel: virt for virtual machines, full for hardware (default: virt; full with --release)',
    })
    .option('release', {
      type: 'boolean',
      default: false,
      describe: 'Make the smallest image, for hardware too, from the lock as it stands',
    })
    .option('frozen-lock', {
      type: 'boolean',
      describe:
        'Stop if the lock does not fit the profile or a package is gone (default with --release)',
    })
    .option('mirror', {
      type: 'string',
      describe: "Address of the package mirror (default: the host's own, else the distribution's)",
    })
    .option('cache', {
      type: 'string',
      describe:
        'Cache folder (default: $QUANTIX_CACHE, else $XDG_CACHE_HOME/quantix, else ~/.cache/quantix)',
    })
    .option('output', { type: 'string', default: 'dist', describe: 'Folder for what is built' });
}
