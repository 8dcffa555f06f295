/** Seconds between two heartbeats of a node, as announced to it. */
export const HEARTBEAT_INTERVAL = 30;

/** Missed heartbeats after which a node counts as silent. */
export const MISSED_HEARTBEATS = 3;
