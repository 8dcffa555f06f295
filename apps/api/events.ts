import * as z from 'zod';

/** What the control plane tells of what happened. Times are ISO 8601, in UTC. */

/** What an event can be about. */
export const EVENT_SUBJECTS = ['NODE', 'VM', 'POOL', 'TASK', 'ALERT', 'ROLLOUT', 'USER'] as const;
export type EventSubject = (typeof EVENT_SUBJECTS)[number];

/** Something that happened. */
export const fleetEventSchema = z.object({
  /** Grows by one with each event: a listener resumes after the last one that it has seen. */
  id: z.int().positive(),
  /** What happened, such as `vm.lost`: `docs/operator.md` has all. */
  kind: z.string(),
  subject: z.object({ type: z.enum(EVENT_SUBJECTS), id: z.string(), name: z.string() }),
  /** The host where it happened; null if it is of none. */
  nodeId: z.string().nullable(),
  /** More of it, by its kind. */
  data: z.record(z.string(), z.unknown()),
  happenedAt: z.iso.datetime(),
});
export type FleetEvent = z.output<typeof fleetEventSchema>;

/** Events, and between which numbers a listener may resume. */
export const fleetEventsSchema = z.object({
  events: z.array(fleetEventSchema),
  /** Number of the last event. Whoever reads a list after this, and listens from here, misses nothing. */
  last: z.int(),
  /** After a smaller number events are gone. */
  resumableFrom: z.int(),
});
export type FleetEvents = z.output<typeof fleetEventsSchema>;
