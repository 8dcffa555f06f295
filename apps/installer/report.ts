import { messageOf } from '../error.ts';
import type { DiskFacts, ImageFacts } from './facts.ts';
import type { InstallPlan } from './plan.ts';

/** The result of an installation, for people and programs. */
export interface Report {
  format: 1;
  result: 'installed' | 'failed';
  /** Why it failed; `null` if it succeeded. */
  problem: string | null;
  /** Warnings about a completed installation, one or more sentences each. */
  warnings: readonly string[];
  product: string;
  version: string;
  /** `null` if nothing could be planned, for example because no disk matches. */
  kind: InstallPlan['kind'] | null;
  disk: ReportedDisk | null;
  partitions: { name: string; guid: string; offset: number; bytes: number }[];
  /** SHA-256 of the image, in hex; `null` if it was not read completely. */
  sha256: string | null;
  /** Start time, ISO 8601. */
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

/** The parts of a report. */
export interface ReportParts {
  /** `null` if there was no plan. */
  plan: InstallPlan | null;
  image: ImageFacts;
  started: Date;
  ended: Date;
  sha256: string | null;
  /** Warnings; none by default. */
  warnings?: readonly string[];
  /** The error that was thrown; absent after success. */
  error?: unknown;
}

/** Creates the report of an installation. */
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

/** Milliseconds within which a server must accept a report. */
const PATIENCE = 15_000;

/** Sends a report to a server, as JSON by POST. @returns why it could not be sent; `null` if it was accepted */
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
