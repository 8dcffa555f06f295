import type { NodePhase } from '../database/repositories/nodes.ts';

/** Phases that only people set and end. */
const DECIDED: ReadonlySet<NodePhase> = new Set(['MAINTENANCE', 'DRAINING', 'ERROR']);

/**
 * The phase of a node that was heard of. What an administrator decided stays.
 * @param isCurrent whether its state is recorded as it is: it sent its full state, or its hashes are the recorded ones
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
