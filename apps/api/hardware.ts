import * as z from 'zod';
import { diskSchema, nicSchema } from './host.ts';

const told = z.string().nullable();

/** Something that a chip measures. */
export const sensorSchema = z.object({
  /** Of the chip's driver: `coretemp`. */
  chip: z.string(),
  /** As the chip calls it: `Package id 0`, `fan2`. */
  label: z.string(),
  /** `celsius`, revolutions per minute, `volt`, `ampere`, `watt`. */
  unit: z.enum(['celsius', 'rpm', 'volt', 'ampere', 'watt']),
  value: z.number(),
  /** Whether the chip itself raises an alarm; `null` where it does not say. */
  alarm: z.boolean().nullable(),
});

/** How a disk says that it fares (SMART). */
export const wearSchema = z.object({
  /** Its own judgement. */
  health: z.enum(['passed', 'failing', 'unknown']),
  /** Degrees Celsius. */
  temperature: z.number().nullable(),
  hours: z.number().nullable(),
  /** Percent of the life that it was built for; above 100 is possible. */
  used: z.number().nullable(),
  /** Why its health is unknown. */
  problem: told,
});

/** What a machine is made of: `GET /v1/hardware`. What the firmware does not tell, or tells in its maker's place-holders, is `null`. */
export const hardwareSchema = z.object({
  vendor: told,
  model: told,
  serial: told,
  /** SMBIOS UUID, in lower case. */
  uuid: told,
  board: told,
  firmware: z.object({ vendor: told, version: told, date: told }),
  disks: z.array(diskSchema.extend({ wear: wearSchema })),
  nics: z.array(nicSchema),
  sensors: z.array(sensorSchema),
});

export type Sensor = z.infer<typeof sensorSchema>;
export type Wear = z.infer<typeof wearSchema>;
export type Hardware = z.infer<typeof hardwareSchema>;
