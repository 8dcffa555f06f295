import * as z from 'zod';

/** Events of the control plane. Times are ISO 8601, in UTC. */

/** Maximum number of events, alerts or entries of the audit log in one answer to the operator. */
export const MOST_LISTED = 1000;

/** Types of an event's subject. */
export const EVENT_SUBJECTS = ['NODE', 'VM', 'POOL', 'TASK', 'ALERT', 'ROLLOUT', 'USER'] as const;
export type EventSubject = (typeof EVENT_SUBJECTS)[number];

/** An event. */
export const fleetEventSchema = z.object({
  /** Grows by one with each event: a subscriber resumes after the last one that it has seen. */
  id: z.int().positive(),
  /** What happened, such as `vm.lost`: all kinds are listed in `docs/operator.md`. */
  kind: z.string(),
  subject: z.object({ type: z.enum(EVENT_SUBJECTS), id: z.string(), name: z.string() }),
  /** The host where it happened; null if it concerns no host. */
  nodeId: z.string().nullable(),
  /** Details, which depend on the kind. */
  data: z.record(z.string(), z.unknown()),
  happenedAt: z.iso.datetime(),
});
export type FleetEvent = z.output<typeof fleetEventSchema>;

/** Events, and the range of numbers from which a subscriber may resume. */
export const fleetEventsSchema = z.object({
  events: z.array(fleetEventSchema),
  /**
   * Number of the last event. A client that reads a list after this answer and subscribes from this number misses
   * nothing.
   */
  last: z.int(),
  /** Smallest number after which a subscriber can resume: of the events after smaller numbers, some were removed. */
  resumableFrom: z.int(),
});
export type FleetEvents = z.output<typeof fleetEventsSchema>;
