import * as z from 'zod';
import { run } from '../process/run.ts';
import { ServiceError } from './control.ts';

/** The one program that says whom chronyd asks for the time. */
export const QX_TIME = '/usr/sbin/qx-time';

/** Milliseconds. */
const PATIENCE = 10_000;

const timeSchema = z.object({
  /** Those that the operator named; `null` if he said nothing. */
  servers: z.array(z.string()).nullable(),
  /** `null` if chronyd does not answer. */
  synchronized: z.boolean().nullable(),
  /** The server that the clock is set by; empty if there is none. */
  reference: z.string(),
  /** Seconds by which the clock is off, as far as chronyd knows. */
  offset: z.number(),
  sources: z.array(
    z.object({
      address: z.string(),
      /** `selected` sets the clock, `answers` could, `wrong` disagrees with the others, `silent` does not answer. */
      state: z.enum(['selected', 'answers', 'wrong', 'silent']),
    }),
  ),
});

export type TimeState = z.infer<typeof timeSchema>;

/** Parses what `qx-time status --json` writes. @throws ServiceError if it is not that */
export function parseTimeState(text: string): TimeState {
  try {
    return timeSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new ServiceError('qx-time status cannot be understood', { cause });
  }
}

/** Servers that are taken of those handed down, and what one of them looks like, as far as an argument is concerned. */
const MOST_SERVERS = 8;
const SERVER = /^[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}$/;

/**
 * Has chronyd ask these besides those of the operator and of leases, until others are handed down or the next boot.
 * @param servers names or addresses, as the control plane told them; none withdraws those before
 * @throws CommandError in qx-time's words if one of them is no server
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

/** Whom chronyd asks, and what it knows. @throws ServiceError or CommandError */
export async function readTimeState(signal: AbortSignal, program = QX_TIME): Promise<TimeState> {
  return parseTimeState(await run(program, ['status', '--json'], { timeout: PATIENCE, signal }));
}
