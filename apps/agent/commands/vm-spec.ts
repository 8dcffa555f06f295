import * as z from 'zod';
import { isUuid } from '../../libvirt/uuid.ts';
import { TaskErrorCode } from '../../proto/gen/quantix/v1/task_pb.js';
import {
  CpuModel,
  DiskBus,
  Firmware,
  HostStopPolicy,
  NicModel,
  type VmSpec,
  VolumeFormat,
} from '../../proto/gen/quantix/v1/vm_spec_pb.js';
import { TaskFailure } from './failure.ts';

/** UUID of an object, in the form that the control plane uses. */
export const uuidSchema = z.string().refine(isUuid, 'must be a UUID in lower case');

/** Name of a volume: a file in a folder, or a logical volume. */
const volumeNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,126}$/, 'must be a name of letters, digits and _ . + -');

export const volumeRefSchema = z.object({
  poolId: z.string().min(1, 'must name a pool').max(256),
  name: volumeNameSchema,
});

/** Names of interfaces and networks; the kernel limits names of interfaces to fewer characters. */
const networkNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, 'must be a name of letters, digits and _ . -');

/** Text without control characters and unpaired surrogates: XML cannot contain them, and a terminal must not. */
const PLAIN = /^(?:[^\p{C}]|\n)*$/u;

const diskSchema = z
  .object({
    volume: volumeRefSchema.optional(),
    cdrom: z.boolean(),
    bus: z.enum(DiskBus),
    format: z.enum(VolumeFormat),
    bootOrder: z.number().int().max(99),
    readOnly: z.boolean(),
    serial: z.string().regex(/^[A-Za-z0-9_-]{0,20}$/, 'must be letters, digits, _ and -'),
    discard: z.boolean(),
  })
  .refine(({ cdrom, volume }) => cdrom || volume !== undefined, 'a disk needs a volume')
  .refine(
    ({ cdrom, format }) =>
      format === VolumeFormat.RAW ||
      (cdrom ? format !== VolumeFormat.QCOW2 : format === VolumeFormat.QCOW2),
    { path: ['format'], message: 'must be RAW or QCOW2, for a CD-ROM RAW or ISO' },
  )
  .refine(({ cdrom, bus }) => !(cdrom && bus === DiskBus.VIRTIO), 'virtio has no CD-ROM drives');

const nicSchema = z.object({
  mac: z
    .string()
    .regex(/^[0-9a-f][02468ace](?::[0-9a-f]{2}){5}$/, 'must be a unicast MAC address, lower case')
    .refine((mac) => mac !== '00:00:00:00:00:00', 'must not be zero'),
  attachment: z.discriminatedUnion('case', [
    z.object({
      case: z.literal('bridge'),
      value: networkNameSchema.max(15, 'is longer than an interface’s name'),
    }),
    z.object({ case: z.literal('network'), value: networkNameSchema }),
  ]),
  vlanId: z.number().int().max(4094),
  model: z.enum(NicModel),
  bootOrder: z.number().int().max(99),
  unplugged: z.boolean(),
});

const count = z.number().int().min(1).max(512);

/** Valid VmSpec, independent of the host. */
export const vmSpecSchema = z
  .object({
    id: uuidSchema,
    generation: z
      .bigint()
      .min(1n)
      .max(2n ** 63n - 1n),
    name: z
      .string()
      .regex(
        /^[A-Za-z0-9_](?:[A-Za-z0-9_. -]{0,62}[A-Za-z0-9_.-])?$/,
        'must be 1 to 64 letters, digits and . _ - with spaces within',
      ),
    description: z.string().max(1024).regex(PLAIN, 'must not have control characters'),
    cpus: count,
    topology: z.object({ sockets: count, cores: count, threads: count }).optional(),
    cpuModel: z.enum(CpuModel),
    cpuModelName: z.string().regex(/^[A-Za-z0-9_.-]{0,64}$/, 'must be the name of a processor'),
    memoryBytes: z
      .bigint()
      .min(16n << 20n)
      .max(64n << 40n)
      .refine((bytes) => bytes % (1n << 20n) === 0n, 'must be a multiple of 1 MiB'),
    firmware: z.enum(Firmware),
    disks: z.array(diskSchema).max(64),
    nics: z.array(nicSchema).max(32),
    autostart: z.boolean(),
    startOrder: z.number().int().max(99_999).optional(),
    hostStop: z.enum(HostStopPolicy),
    tpm: z.boolean(),
    clockLocalTime: z.boolean(),
    screen: z.boolean(),
  })
  .refine(({ cpus, topology: t }) => t === undefined || t.sockets * t.cores * t.threads === cpus, {
    path: ['topology'],
    message: 'does not multiply to the number of processors',
  })
  .refine(({ cpuModel, cpuModelName }) => (cpuModel === CpuModel.NAMED) === (cpuModelName !== ''), {
    path: ['cpuModelName'],
    message: 'goes with CPU_MODEL_NAMED, and only with it',
  })
  .refine(
    ({ disks, nics }) => areDistinct([...disks, ...nics].map((one) => one.bootOrder || undefined)),
    {
      path: ['disks'],
      message: 'two have the same boot order',
    },
  )
  .refine(({ nics }) => areDistinct(nics.map(({ mac }) => mac)), {
    path: ['nics'],
    message: 'two have the same MAC address',
  })
  .refine(
    ({ disks }) =>
      areDistinct(disks.map(({ volume: v }) => (v === undefined ? v : `${v.poolId}\n${v.name}`))),
    { path: ['disks'], message: 'two are the same volume' },
  );

/** A VmSpec from which a definition can be made. */
export type CheckedSpec = z.infer<typeof vmSpecSchema>;
export type CheckedDisk = CheckedSpec['disks'][number];

/**
 * Checks a specification from the control plane.
 * @throws TaskFailure INVALID, naming the field
 */
export function checkSpec(spec: VmSpec | undefined): CheckedSpec {
  return check(vmSpecSchema, spec, 'spec');
}

/** Checks a part of a task. @throws TaskFailure INVALID, naming the field */
export function check<T>(schema: z.ZodType<T>, value: unknown, name: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = [name, ...(issue?.path ?? [])].join('.');
  throw new TaskFailure(TaskErrorCode.INVALID, `${field}: ${issue?.message ?? 'is missing'}`);
}

function areDistinct(values: readonly (string | number | undefined)[]): boolean {
  const given = values.filter((value) => value !== undefined);
  return new Set(given).size === given.length;
}
