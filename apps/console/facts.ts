import type { FactName, FactValues } from './deps.ts';

/** What is known of one thing: its value, or why it is not known. Both are `null` until it was first read. */
export interface Fact<T> {
  value: T | null;
  problem: string | null;
}

export type Facts = { [Name in FactName]: Fact<FactValues[Name]> };

/** A fact that was read, or could not be. */
export type FactRead = {
  [Name in FactName]: { name: Name } & Fact<FactValues[Name]>;
}[FactName];

const UNREAD = { value: null, problem: null };

/** Before anything was read. */
export const UNREAD_FACTS: Facts = {
  host: UNREAD,
  network: UNREAD,
  services: UNREAD,
  ssh: UNREAD,
  health: UNREAD,
  readiness: UNREAD,
  vms: UNREAD,
  pools: UNREAD,
  stop: UNREAD,
};

/** Facts after one was read. What was known before goes, for it may no longer be so. */
export function learn(facts: Facts, { name, value, problem }: FactRead): Facts {
  return { ...facts, [name]: { value, problem } };
}
