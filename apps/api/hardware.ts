import * as z from 'zod';
import { diskSchema, nicSchema } from './host.ts';

const nullableText = z.string().nullable();

/** A value that a chip measures. */
export const sensorSchema = z.object({
  /** Name of the chip's driver: `coretemp`. */
  chip: z.string(),
  /** The chip's name for it: `Package id 0`, `fan2`. */
  label: z.string(),
  /** `celsius`, `rpm` (revolutions per minute), `volt`, `ampere`, `watt`. */
  unit: z.enum(['celsius', 'rpm', 'volt', 'ampere', 'watt']),
  value: z.number(),
  /** Whether the chip reports an alarm; `null` if it does not report that. */
  alarm: z.boolean().nullable(),
});

/** A disk's own report on its health (SMART). */
export const wearSchema = z.object({
  /** The disk's own assessment. */
  health: z.enum(['passed', 'failing', 'unknown']),
  /** In degrees Celsius. */
  temperature: z.number().nullable(),
  hours: z.number().nullable(),
  /** Percentage of its rated lifetime that is used; can exceed 100. */
  used: z.number().nullable(),
  /** Why its health is unknown. */
  problem: nullableText,
});

/**
 * A machine's hardware: `GET /v1/hardware`. Values that the firmware lacks, or fills with its vendor's placeholders,
 * are `null`.
 */
export const hardwareSchema = z.object({
  vendor: nullableText,
  model: nullableText,
  serial: nullableText,
  /** SMBIOS UUID, in lower case. */
  uuid: nullableText,
  board: nullableText,
  firmware: z.object({ vendor: nullableText, version: nullableText, date: nullableText }),
  disks: z.array(diskSchema.extend({ wear: wearSchema })),
  nics: z.array(nicSchema),
  sensors: z.array(sensorSchema),
});

export type Sensor = z.infer<typeof sensorSchema>;
export type Wear = z.infer<typeof wearSchema>;
export type Hardware = z.infer<typeof hardwareSchema>;
