import * as z from 'zod';
import type { Wear } from '../api/hardware.ts';
import { CommandError } from '../process/command-error.ts';
import { run } from '../process/run.ts';

/** Milliseconds that a disk has to report its health. */
const PATIENCE = 10_000;

const number = z.number().nullish().catch(null);

/**
 * The part of `smartctl --json` (https://www.smartmontools.org/wiki/JSON-output) that is used: the common part of ATA,
 * SCSI and NVMe, and the wear of NVMe.
 */
const reportSchema = z.object({
  smart_status: z.object({ passed: z.boolean() }).nullish().catch(null),
  temperature: z.object({ current: number }).nullish().catch(null),
  power_on_time: z.object({ hours: number }).nullish().catch(null),
  nvme_smart_health_information_log: z.object({ percentage_used: number }).nullish().catch(null),
  smartctl: z
    .object({ messages: z.array(z.object({ string: z.string() })).catch([]) })
    .nullish()
    .catch(null),
});

const UNKNOWN = { health: 'unknown', temperature: null, hours: null, used: null } as const;

/** Parses the JSON report of smartctl(8). */
export function parseSmart(text: string): Wear {
  const report = reportSchema.safeParse(parseJson(text));
  if (!report.success) return { ...UNKNOWN, problem: 'smartctl did not report in JSON' };
  const { smart_status: status, smartctl } = report.data;
  const [message] = smartctl?.messages ?? [];
  const why = message?.string.replaceAll(/[^\x20-\x7e]+/g, '?') ?? 'the disk does not say';
  return {
    health: status == null ? 'unknown' : status.passed ? 'passed' : 'failing',
    temperature: report.data.temperature?.current ?? null,
    hours: report.data.power_on_time?.hours ?? null,
    used: report.data.nvme_smart_health_information_log?.percentage_used ?? null,
    problem: status == null ? why : null,
  };
}

/** Reads the health of a disk, without waking one in standby. @param path such as `/dev/sda` */
export async function readWear(path: string, signal?: AbortSignal): Promise<Wear> {
  const args = ['--json', '--info', '--health', '--attributes', '--nocheck=standby', path];
  try {
    return parseSmart(await run('smartctl', args, { timeout: PATIENCE, signal }));
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof CommandError)) throw error;
    // The exit status is a bit mask; most bits report a failing disk, and the report is still written.
    if (error.failure === 'exit' && error.stdout !== '') return parseSmart(error.stdout);
    return { ...UNKNOWN, problem: error.message };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
