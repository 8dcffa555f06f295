import type { NodePhase } from '../database/repositories/nodes.ts';
import { HEARTBEAT_INTERVAL, MISSED_HEARTBEATS } from '../heartbeat-times.ts';

/** Phases that only people set and end. */
export const DECIDED: ReadonlySet<NodePhase> = new Set(['MAINTENANCE', 'DRAINING', 'ERROR']);

/** Returns a time: in a phase that people set, a node counts as silent if its last heartbeat was earlier. */
export function computeSilenceLimit(now: Date): Date {
  return new Date(now.getTime() - MISSED_HEARTBEATS * HEARTBEAT_INTERVAL * 1000);
}

/**
 * Whether a node counted as silent before a report: silence does not end a phase that an administrator set.
 * @param heardAt time of its last heartbeat
 */
export function wasSilent(phase: NodePhase, heardAt: Date | null, now: Date): boolean {
  if (!DECIDED.has(phase)) return phase === 'DISCONNECTED';
  return heardAt !== null && heardAt < computeSilenceLimit(now);
}

/**
 * Returns the phase of a node after a report. A phase that an administrator set stays.
 * @param isCurrent whether the recorded state is its present one: it sent its full state, or its hashes equal the
 *   recorded ones
 * @param isAvailable whether it can run virtual machines
 */
export function determinePhase(
  phase: NodePhase,
  { isCurrent, isAvailable }: { isCurrent: boolean; isAvailable: boolean },
): NodePhase {
  if (DECIDED.has(phase)) return phase;
  if (!isCurrent) return phase === 'DISCONNECTED' ? 'NOT_READY' : phase;
  return isAvailable ? 'READY' : 'NOT_READY';
}
