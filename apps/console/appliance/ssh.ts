import { z } from 'zod';
import { run, runFully } from '../../process/run.ts';
import type { Ssh } from '../deps.ts';
import { words } from './words.ts';

/** The program that switches SSH on and off. */
export const QX_SSH = '/usr/sbin/qx-ssh';

/** Milliseconds; making host keys takes some seconds on a slow machine. */
const TIMEOUT = 60_000;

const sshSchema = z.object({
  state: z.enum(['off', 'on']),
  until: z.number().nullable(),
  enabled_at_boot: z.boolean(),
});

export interface SshOptions {
  signal: AbortSignal;
  /** Another qx-ssh; QX_SSH if absent. */
  program?: string;
}

/** Whether SSH is on. @throws CommandError; Error if the answer is not understood */
export async function readSsh({ signal, program = QX_SSH }: SshOptions): Promise<Ssh> {
  const answer = await run(program, ['status', '--json'], { timeout: TIMEOUT, signal });
  try {
    return sshSchema.parse(JSON.parse(answer));
  } catch (cause) {
    throw new Error('qx-ssh status cannot be understood', { cause });
  }
}

/** Switches SSH on for some minutes, or for good. @returns what is to be minded. @throws CommandError */
export async function enableSsh(
  minutes: number | null,
  { signal, program = QX_SSH }: SshOptions,
): Promise<string> {
  const args = minutes === null ? ['on'] : ['on', '--minutes', String(minutes)];
  const { stderr } = await runFully(program, args, { timeout: TIMEOUT, signal });
  return words('qx-ssh', stderr);
}

/** Switches SSH off. @throws CommandError */
export async function disableSsh({ signal, program = QX_SSH }: SshOptions): Promise<void> {
  await run(program, ['off'], { timeout: TIMEOUT, signal });
}
