import type { NodePhase } from '../database/repositories/nodes.ts';

/** Phases that only people set and end. */
const DECIDED: ReadonlySet<NodePhase> = new Set(['MAINTENANCE', 'DRAINING', 'ERROR']);

/**
 * Returns the phase of a node after a report. A phase that an administrator set stays.
 * @param isCurrent whether the recorded state is its present one: it sent its full state, or its hashes equal the
 *   recorded ones
 * @param isAvailable whether it can run virtual machines
 */
export function phaseAfter(
  phase: NodePhase,
  { isCurrent, isAvailable }: { isCurrent: boolean; isAvailable: boolean },
): NodePhase {
  if (DECIDED.has(phase)) return phase;
  if (!isCurrent) return phase === 'DISCONNECTED' ? 'NOT_READY' : phase;
  return isAvailable ? 'READY' : 'NOT_READY';
}
