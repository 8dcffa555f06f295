import * as z from 'zod';
import { CommandError } from '../process/command-error.ts';
import { type Output, runFully } from '../process/run.ts';
import { ServiceError } from './control.ts';

/**
 * The program that turns SSH on and off. It also turns SSH off at the end of the given time, even if the process that
 * called the program has ended.
 */
export const QX_SSH = '/usr/sbin/qx-ssh';

/** Milliseconds that qx-ssh may take: the first start generates host keys. */
const PATIENCE = 60_000;

const statusSchema = z.object({
  state: z.enum(['off', 'on']),
  /** Unix time in seconds. */
  until: z.number().int().nonnegative().nullable(),
  enabled_at_boot: z.boolean(),
});

/** Whether login by SSH is possible. */
export interface SshState {
  state: 'off' | 'on';
  /** When it turns off by itself; `null` if it does not. */
  until: Date | null;
  enabledAtBoot: boolean;
}

/** How qx-ssh is called. */
export interface SshOptions {
  signal?: AbortSignal | undefined;
  /** Path of qx-ssh; QX_SSH if absent. */
  program?: string;
}

/**
 * Parses the output of `qx-ssh status --json`.
 * @throws ServiceError if it does not have that form
 */
export function parseSshState(text: string): SshState {
  try {
    const { state, until, enabled_at_boot } = statusSchema.parse(JSON.parse(text));
    return {
      state,
      until: until === null ? null : new Date(until * 1000),
      enabledAtBoot: enabled_at_boot,
    };
  } catch (error) {
    throw new ServiceError('qx-ssh status cannot be understood', { cause: error });
  }
}

/** Asks qx-ssh whether SSH is on; the answer is not cached. */
export async function readSshState(options?: SshOptions): Promise<SshState> {
  return parseSshState((await qxSsh(['status', '--json'], options)).stdout);
}

/**
 * Turns SSH on for 5 to 120 minutes.
 * @returns warnings, one per line
 * @throws ServiceError with the reason if it fails
 */
export async function enableSshFor(minutes: number, options?: SshOptions): Promise<string[]> {
  return warnings(await qxSsh(['on', '--minutes', String(minutes)], options));
}

/** Turns SSH on permanently, also after the next boot. @returns and @throws as `enableSshFor` */
export async function enableSsh(options?: SshOptions): Promise<string[]> {
  return warnings(await qxSsh(['on'], options));
}

/** Turns SSH off permanently; open sessions stay. @returns and @throws as `enableSshFor` */
export async function disableSsh(options?: SshOptions): Promise<string[]> {
  return warnings(await qxSsh(['off'], options));
}

async function qxSsh(args: readonly string[], options: SshOptions = {}): Promise<Output> {
  const { program = QX_SSH, signal } = options;
  try {
    return await runFully(program, args, { timeout: PATIENCE, signal });
  } catch (error) {
    if (!(error instanceof CommandError) || error.failure !== 'exit') throw error;
    throw new ServiceError(warnings(error).at(-1) ?? error.message, { cause: error });
  }
}

function warnings({ stderr }: { stderr: string }): string[] {
  const lines = stderr.split('\n').map((line) => line.replace(/^qx-ssh: /, '').trim());
  return lines.filter((line) => line !== '');
}
