import * as z from 'zod';

const time = z.iso.datetime();

export const ALERT_SEVERITIES = ['CRITICAL', 'WARNING', 'INFO'] as const;

/** An alert: open until its cause has ended. */
export const fleetAlertSchema = z.object({
  id: z.string(),
  severity: z.enum(ALERT_SEVERITIES),
  title: z.string(),
  message: z.string(),
  /** Its source: a host, a virtual machine, the control plane itself … */
  source: z.object({ type: z.string(), id: z.string().nullable(), name: z.string() }),
  raisedAt: time,
  /** Who acknowledged it first, and when; null while nobody has. */
  acknowledgedBy: z.string().nullable(),
  acknowledgedAt: time.nullable(),
  /** When it was cleared; null while it is open. */
  clearedAt: time.nullable(),
});
export type FleetAlert = z.output<typeof fleetAlertSchema>;

/** The state of the delivery of alerts to one receiver. */
export const alertReceiverSchema = z.object({
  name: z.string(),
  /** Time of the last successful delivery; null if there was none. */
  deliveredAt: time.nullable(),
  /** Why alerts cannot be delivered, and since when; empty and null if they can. */
  problem: z.string(),
  failingSince: time.nullable(),
  /** Alert events that wait for it. */
  waiting: z.int(),
  /** Alert events that were dropped because too many waited. */
  lost: z.int(),
});
export type AlertReceiverState = z.output<typeof alertReceiverSchema>;

/** `more`: whether there are older alerts, which were left out. */
export const fleetAlertsSchema = z.object({
  alerts: z.array(fleetAlertSchema),
  more: z.boolean(),
  receivers: z.array(alertReceiverSchema),
});
export type FleetAlerts = z.output<typeof fleetAlertsSchema>;
