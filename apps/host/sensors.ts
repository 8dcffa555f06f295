import { join } from 'node:path';
import type { Sensor } from '../api/hardware.ts';
import { readAttribute, readNames, readNumber } from './read.ts';

/** Kinds of value files, with their unit and divisor (Documentation/hwmon/sysfs-interface.rst). */
const KINDS: Readonly<Record<string, { unit: Sensor['unit']; divisor: number }>> = {
  temp: { unit: 'celsius', divisor: 1_000 },
  fan: { unit: 'rpm', divisor: 1 },
  in: { unit: 'volt', divisor: 1_000 },
  curr: { unit: 'ampere', divisor: 1_000 },
  power: { unit: 'watt', divisor: 1_000_000 },
};

/** Largest number of values: a machine has some dozens. */
const MOST = 512;

/**
 * Reads the current values of a machine's sensors. A sensor that does not answer is left out.
 * @param root folder that contains sys
 */
export async function readSensors(root = '/'): Promise<Sensor[]> {
  const folder = join(root, 'sys/class/hwmon');
  const chips = (await readNames(folder)).sort(byNumber);
  const sensors: Sensor[] = [];
  for (const name of chips) {
    if (sensors.length < MOST) sensors.push(...(await readChip(join(folder, name), name)));
  }
  return sensors.slice(0, MOST);
}

async function readChip(folder: string, name: string): Promise<Sensor[]> {
  const chip = printable(await readAttribute(join(folder, 'name'))) ?? name;
  const files = (await readNames(folder)).sort(byNumber);
  const sensors: Sensor[] = [];
  for (const file of files.slice(0, 4 * MOST)) {
    const [, kind = '', number = ''] = /^([a-z]+)(\d{1,4})_(?:input|average)$/.exec(file) ?? [];
    const { unit, divisor } = (Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined) ?? {};
    if (unit === undefined || divisor === undefined) continue;
    const stem = join(folder, `${kind}${number}`);
    const value = await readNumber(join(folder, file));
    if (value === null || file.endsWith('_average') === files.includes(`${kind}${number}_input`)) {
      continue;
    }
    const alarm = await readNumber(`${stem}_alarm`);
    sensors.push({
      chip,
      label: printable(await readAttribute(`${stem}_label`)) ?? `${kind}${number}`,
      unit,
      value: value / divisor,
      alarm: alarm === null ? null : alarm !== 0,
    });
  }
  return sensors;
}

/** Compares names so that `temp2` comes before `temp10`. */
function byNumber(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}

function printable(text: string | null): string | null {
  return text === null ? null : text.replaceAll(/[^\x20-\x7e]+/g, '?').slice(0, 64);
}
