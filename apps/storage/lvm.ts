import * as z from 'zod';
import type { Pool } from '../api/storage.ts';
import { CommandError } from '../process/command-error.ts';
import { run } from '../process/run.ts';
import { FULL } from './health.ts';
import type { ChildOptions } from './probe.ts';

/** Milliseconds that LVM may take: it reads the header of every disk. */
const PATIENCE = 20_000;

const FORMAT = ['--reportformat', 'json', '--units', 'b', '--nosuffix'];

const bytesSchema = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);

const percentSchema = z
  .string()
  .regex(/^(\d{1,3}\.\d{1,2})?$/)
  .transform(Number);

const groupSchema = z.object({
  vg_name: z.string(),
  vg_uuid: z.string(),
  vg_size: bytesSchema,
  vg_free: bytesSchema,
  /** `wz--n-`: writable, resizable, exported, partial, … (vgs(8)). */
  vg_attr: z.string().min(4),
});

const volumeSchema = z.object({
  lv_name: z.string(),
  vg_uuid: z.string(),
  lv_path: z.string(),
  lv_size: bytesSchema,
  /** `Vwi-aotz--`: the type comes first; `t` is a thin pool, which contains volumes and is not one itself (lvs(8)). */
  lv_attr: z.string().min(1),
  data_percent: percentSchema,
});

const groupsSchema = z.object({ report: z.array(z.object({ vg: z.array(groupSchema) })) });
const volumesSchema = z.object({ report: z.array(z.object({ lv: z.array(volumeSchema) })) });

type Group = z.infer<typeof groupSchema>;
type LogicalVolume = z.infer<typeof volumeSchema>;

/**
 * Parses the pools in the output of `vgs` and `lvs` (lvmreport(7)).
 * @throws Error if the output does not have that form
 */
export function parseVolumeGroups(groups: string, volumes: string): Pool[] {
  const all = parseReport('lvs', volumes, volumesSchema).report.flatMap(({ lv }) => lv);
  return parseReport('vgs', groups, groupsSchema)
    .report.flatMap(({ vg }) => vg)
    .map((group) =>
      toPool(
        group,
        all.filter(({ vg_uuid }) => vg_uuid === group.vg_uuid),
      ),
    );
}

function parseReport<T>(command: string, text: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(`the output of ${command} cannot be understood`, { cause: error });
  }
}

/**
 * Reads the volume groups of this machine; none if LVM is not installed.
 * @param without paths of disks that are not read
 * @throws Error if LVM fails or its output cannot be parsed
 */
export async function readVolumeGroups(
  without: readonly string[] = [],
  child: ChildOptions = {},
): Promise<Pool[]> {
  const options = { timeout: PATIENCE, ...child };
  const filter = without.map((disk) => `"r|^${disk}$|"`).join(',');
  const format =
    without.length === 0 ? FORMAT : [...FORMAT, '--config', `devices/global_filter=[${filter}]`];
  const groupFields = 'vg_name,vg_uuid,vg_size,vg_free,vg_attr';
  const volumeFields = 'lv_name,vg_uuid,lv_path,lv_size,lv_attr,data_percent';
  try {
    const groups = await run('vgs', [...format, '-o', groupFields], options);
    const volumes = await run('lvs', [...format, '-o', volumeFields], options);
    return parseVolumeGroups(groups, volumes);
  } catch (error) {
    if (error instanceof CommandError && error.failure === 'missing') return [];
    throw error;
  }
}

const snapshotsSchema = z.object({
  report: z.array(
    z.object({
      lv: z.array(z.object({ lv_name: z.string(), origin: z.string(), pool_lv: z.string() })),
    }),
  ),
});

/**
 * Reads the snapshots that lvremove(8) would remove together with a logical volume; those in a thin pool stay.
 * @returns their names
 * @throws Error if LVM fails or its output cannot be parsed
 */
export async function readSnapshots(
  group: string,
  volume: string,
  options: ChildOptions = {},
): Promise<string[]> {
  const args = [...FORMAT, '-o', 'lv_name,origin,pool_lv', group];
  const text = await run('lvs', args, { timeout: PATIENCE, ...options });
  return parseReport('lvs', text, snapshotsSchema)
    .report.flatMap(({ lv }) => lv)
    .filter(({ origin, pool_lv }) => origin === volume && pool_lv === '')
    .map(({ lv_name }) => lv_name);
}

const extentSchema = z.object({
  report: z.array(z.object({ vg: z.array(z.object({ vg_extent_size: bytesSchema })) })),
});

/**
 * Reads the extent size of a volume group in bytes: the size of each logical volume is rounded up to a multiple of it.
 * @throws Error if LVM fails or its output cannot be parsed
 */
export async function readExtentSize(group: string, options: ChildOptions = {}): Promise<number> {
  const text = await run('vgs', [...FORMAT, '-o', 'vg_extent_size', group], {
    timeout: PATIENCE,
    ...options,
  });
  const [size] = parseReport('vgs', text, extentSchema).report.flatMap(({ vg }) => vg);
  if (size === undefined) throw new Error('the output of vgs cannot be understood');
  return size.vg_extent_size;
}

function toPool(group: Group, all: readonly LogicalVolume[]): Pool {
  const { vg_size: total, vg_free: available } = group;
  return {
    id: group.vg_uuid,
    name: group.vg_name,
    kind: 'lvm',
    path: null,
    source: group.vg_name,
    ...health(group, all),
    seen: 'now',
    volumesSeen: 'now',
    total,
    used: Math.max(0, total - available),
    available,
    volumes: all.filter(({ lv_attr }) => !lv_attr.startsWith('t')).map(toVolume),
  };
}

function toVolume(volume: LogicalVolume): Pool['volumes'][number] {
  const { lv_name: name, lv_path: path, lv_size: capacity, lv_attr, data_percent } = volume;
  const isThin = lv_attr.startsWith('V');
  const allocated = isThin ? Math.round((capacity * data_percent) / 100) : capacity;
  return { name, path, format: 'lv', allocated, capacity };
}

/**
 * Assesses a volume group. A group without free space is healthy, because its volumes have their space already. A thin
 * pool that is nearly full is not.
 */
function health(
  { vg_attr }: Group,
  all: readonly LogicalVolume[],
): Pick<Pool, 'health' | 'problem' | 'writable'> {
  const writable = vg_attr.startsWith('w');
  if (vg_attr[3] === 'p')
    return { health: 'failed', problem: 'a disk is missing', writable: false };
  const full = all.find(
    ({ lv_attr, data_percent }) => lv_attr.startsWith('t') && data_percent >= FULL * 100,
  );
  if (full !== undefined) {
    const problem = `thin pool ${full.lv_name} is ${Math.floor(full.data_percent)} % full`;
    return { health: 'degraded', problem, writable };
  }
  return writable
    ? { health: 'healthy', problem: null, writable }
    : { health: 'degraded', problem: 'the volume group is read-only', writable };
}
