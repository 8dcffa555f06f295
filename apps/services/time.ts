import * as z from 'zod';
import { run } from '../process/run.ts';
import { ServiceError } from './control.ts';

/** The program that configures chronyd's servers. */
export const QX_TIME = '/usr/sbin/qx-time';

/** Milliseconds that qx-time may take. */
const PATIENCE = 10_000;

const timeSchema = z.object({
  /** Servers that the operator configured; `null` if there is no such setting. */
  servers: z.array(z.string()).nullable(),
  /** `null` if chronyd does not answer. */
  synchronized: z.boolean().nullable(),
  /** The server that sets the clock; empty if there is none. */
  reference: z.string(),
  /** Difference of the clock from the reference in seconds, as estimated by chronyd. */
  offset: z.number(),
  sources: z.array(
    z.object({
      address: z.string(),
      /**
       * `selected` sets the clock, `answers` could set it, `wrong` disagrees with the others, `silent` does not answer.
       */
      state: z.enum(['selected', 'answers', 'wrong', 'silent']),
    }),
  ),
});

export type TimeState = z.infer<typeof timeSchema>;

/** Parses the output of `qx-time status --json`. @throws ServiceError if it does not have that form */
export function parseTimeState(text: string): TimeState {
  try {
    return timeSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new ServiceError('qx-time status cannot be understood', { cause });
  }
}

/**
 * Maximum number of servers from the control plane that are used, and the form of a name or address that is safe as an
 * argument.
 */
const MOST_SERVERS = 8;
const SERVER = /^[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}$/;

/**
 * Makes chronyd use these servers in addition to those of the operator and of DHCP leases, until the next call or the
 * next boot.
 * @param servers names or addresses from the control plane; an empty list removes the previous ones
 * @throws CommandError with qx-time's message if one of them is not a valid server
 */
export async function handDownTimeServers(
  servers: readonly string[],
  signal: AbortSignal,
  program = QX_TIME,
): Promise<void> {
  const usable = servers.filter((one) => SERVER.test(one)).slice(0, MOST_SERVERS);
  const words = usable.length === 0 ? 'none' : usable.join(',');
  await run(program, ['handed-down', words], { timeout: PATIENCE, signal });
}

/** Reads which servers chronyd uses, and their state. @throws ServiceError or CommandError */
export async function readTimeState(signal: AbortSignal, program = QX_TIME): Promise<TimeState> {
  return parseTimeState(await run(program, ['status', '--json'], { timeout: PATIENCE, signal }));
}
