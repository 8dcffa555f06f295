import * as z from 'zod';

const time = z.iso.datetime();

export const ALERT_SEVERITIES = ['CRITICAL', 'WARNING', 'INFO'] as const;

/** Something that people are to know of: open until what it is about is over. */
export const fleetAlertSchema = z.object({
  id: z.string(),
  severity: z.enum(ALERT_SEVERITIES),
  title: z.string(),
  message: z.string(),
  /** What it is about: a host, a virtual machine, the control plane itself … */
  source: z.object({ type: z.string(), id: z.string().nullable(), name: z.string() }),
  raisedAt: time,
  /** Who has seen it first, and when; null while nobody has. */
  acknowledgedBy: z.string().nullable(),
  acknowledgedAt: time.nullable(),
  /** When it was over; null while it is open. */
  clearedAt: time.nullable(),
});
export type FleetAlert = z.output<typeof fleetAlertSchema>;

/** How the delivery of alerts to one receiver stands. */
export const alertReceiverSchema = z.object({
  name: z.string(),
  /** When an alert reached it last; null if none has. */
  deliveredAt: time.nullable(),
  /** Why alerts do not reach it, and since when; empty and null if they do. */
  problem: z.string(),
  failingSince: time.nullable(),
  /** Events of alerts that wait for it. */
  waiting: z.int(),
  /** Events of alerts that were given up because too many waited. */
  lost: z.int(),
});
export type AlertReceiverState = z.output<typeof alertReceiverSchema>;

/** `more`: there are older ones, which were left off. */
export const fleetAlertsSchema = z.object({
  alerts: z.array(fleetAlertSchema),
  more: z.boolean(),
  receivers: z.array(alertReceiverSchema),
});
export type FleetAlerts = z.output<typeof fleetAlertsSchema>;
