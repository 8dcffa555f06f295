/** Seconds between two heartbeats of a node, as it is told. */
export const HEARTBEAT_INTERVAL = 30;

/** Heartbeats that a node misses before it counts as not heard of. */
export const MISSED_HEARTBEATS = 3;
