import type { Network } from '../../api/network.ts';
import type { State } from '../state.ts';

/**
 * Returns the network as last read, with the remaining seconds of changes on trial reduced by the time since that read.
 */
export function computeCurrentNetwork({ facts, asked, now }: State): Network | null {
  const { value } = facts.network;
  if (value === null) return null;
  const gone = Math.max(Math.floor((now - (asked.network?.known ?? now)) / 1000), 0);
  const interfaces = value.interfaces.map((one) => {
    const { confirm } = one;
    return { ...one, confirm: confirm === null ? null : Math.max(confirm - gone, 0) };
  });
  return { ...value, interfaces };
}
