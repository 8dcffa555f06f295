import { messageOf } from '../error.ts';
import type { DiskFacts, ImageFacts } from './facts.ts';
import type { InstallPlan } from './plan.ts';

/** What came of an installation, for people and programs. */
export interface Report {
  format: 1;
  result: 'installed' | 'failed';
  /** Why it failed; `null` if it did not. */
  problem: string | null;
  /** What is to be minded of an installation that is done, a sentence or more each. */
  warnings: readonly string[];
  product: string;
  version: string;
  /** `null` where nothing could be planned, as no disk is what was asked for, say. */
  kind: InstallPlan['kind'] | null;
  disk: ReportedDisk | null;
  partitions: { name: string; guid: string; offset: number; bytes: number }[];
  /** SHA-256 of the image, hex; `null` if it was not read to its end. */
  sha256: string | null;
  /** ISO 8601. */
  startedAt: string;
  seconds: number;
}

interface ReportedDisk {
  path: string;
  model: string | null;
  serial: string | null;
  wwn: string | null;
  bytes: number;
  sectorSize: number;
}

/** What a report is made from. */
export interface ReportParts {
  /** `null` if there was none. */
  plan: InstallPlan | null;
  image: ImageFacts;
  started: Date;
  ended: Date;
  sha256: string | null;
  /** What is to be minded; nothing if absent. */
  warnings?: readonly string[];
  /** What was thrown; absent if all went well. */
  error?: unknown;
}

/** Writes the report of an installation. */
export function reportOf({
  plan,
  image,
  started,
  ended,
  sha256,
  warnings = [],
  error,
}: ReportParts): Report {
  return {
    format: 1,
    result: error === undefined ? 'installed' : 'failed',
    problem: error === undefined ? null : messageOf(error),
    warnings,
    product: image.product,
    version: image.version,
    kind: plan?.kind ?? null,
    disk: plan === null ? null : reportedDisk(plan.disk),
    partitions: (plan?.layout.partitions ?? []).map(({ name, guid, offset, bytes }) => ({
      ...{ name, guid, offset, bytes },
    })),
    sha256,
    startedAt: started.toISOString(),
    seconds: Math.round((ended.getTime() - started.getTime()) / 1000),
  };
}

function reportedDisk({ path, model, serial, wwn, bytes, sectorSize }: DiskFacts): ReportedDisk {
  return { path, model, serial, wwn, bytes, sectorSize };
}

/** Milliseconds that a server may take to have a report. */
const PATIENCE = 15_000;

/** Sends a report to a server, as JSON by POST. @returns why it could not be sent; `null` if it was taken */
export async function sendReport(
  address: string,
  report: Report,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const answer = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(report),
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
    });
    await answer.body?.cancel();
    return answer.ok ? null : `${address} answered ${answer.status}`;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    return `${address}: ${messageOf(cause ?? error)}`;
  }
}
