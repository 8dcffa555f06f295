import * as z from 'zod';

/** What the control plane tells an operator on its socket, and `qx-controlplane … --json` prints. Times are ISO 8601, in UTC. */

const time = z.iso.datetime();
const size = z.number().nullable();

/** A host that has joined. */
export const fleetNodeSchema = z.object({
  id: z.string(),
  hostname: z.string(),
  /** Address at which it can be reached, and since when it is this one; null if it has none. */
  managementAddress: z.string().nullable(),
  addressSince: time.nullable(),
  phase: z.string(),
  /** When it was heard of last; null if never. */
  lastHeard: time.nullable(),
  /** Whether that is so little ago that what it told can be taken as so. */
  isHeard: z.boolean(),
  /** Virtual machines that are recorded as on it. */
  vms: z.number(),
  joinedAt: time,
  /** When it left, by its own will; null if it has not. It is refused since then. */
  leftAt: time.nullable(),
});
export type FleetNode = z.output<typeof fleetNodeSchema>;
export const fleetNodesSchema = z.object({ nodes: z.array(fleetNodeSchema) });

/** A virtual machine. */
export const fleetVmSchema = z.object({
  id: z.string(),
  name: z.string(),
  nodeId: z.string().nullable(),
  /** Host name of its node. */
  node: z.string().nullable(),
  powerState: z.string(),
  /**
   * What `powerState` is: so now; how it was seen last, as its node was not heard of since; known to nobody, as no node ever
   * told; how it was when its node had it last.
   */
  known: z.enum(['now', 'last-seen', 'never', 'lost']),
  /** When it was so; null if never. */
  asOf: time.nullable(),
  isManaged: z.boolean(),
  /** Why its node has it no more. */
  lostReason: z.string().nullable(),
});
export type FleetVm = z.output<typeof fleetVmSchema>;
/** `more`: there are others, which were left off. */
export const fleetVmsSchema = z.object({ vms: z.array(fleetVmSchema), more: z.boolean() });

/** A storage pool, and how it fares on each host that told of it. Sizes are bytes, null where they are not known. */
export const fleetPoolSchema = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  phase: z.string(),
  isManaged: z.boolean(),
  hosts: z.array(
    z.object({
      nodeId: z.string(),
      node: z.string(),
      /** As it was when the host was heard of last. */
      health: z.string(),
      isHeard: z.boolean(),
      lastHeard: time.nullable(),
      mountPath: z.string(),
      problem: z.string(),
      totalBytes: size,
      usedBytes: size,
      availableBytes: size,
    }),
  ),
});
export type FleetPool = z.output<typeof fleetPoolSchema>;
export const fleetPoolsSchema = z.object({ pools: z.array(fleetPoolSchema) });

/** Something that a host is to do, or did. */
export const fleetTaskSchema = z.object({
  id: z.string(),
  nodeId: z.string(),
  node: z.string(),
  verb: z.string(),
  objectType: z.string(),
  objectId: z.string(),
  state: z.enum(['QUEUED', 'SENT', 'ACCEPTED', 'RUNNING', 'DONE', 'FAILED', 'CANCELED']),
  /** 0 to 100. */
  progress: z.number(),
  message: z.string(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  requestedBy: z.string(),
  createdAt: time,
  expiresAt: time,
  sentAt: time.nullable(),
  startedAt: time.nullable(),
  finishedAt: time.nullable(),
  /** Whether somebody has taken it back; a host that has begun it goes on. */
  isCancelRequested: z.boolean(),
});
export type FleetTask = z.output<typeof fleetTaskSchema>;
export const fleetTasksSchema = z.object({ tasks: z.array(fleetTaskSchema) });

/** What hosts join with; its secret is told once, when it is made. */
export const fleetTokenSchema = z.object({
  id: z.string(),
  description: z.string(),
  state: z.enum(['open', 'used', 'expired', 'revoked']),
  maxUses: z.number(),
  uses: z.array(
    z.object({
      nodeId: z.string(),
      hostname: z.string(),
      address: z.string(),
      firstUsedAt: time,
      lastUsedAt: time,
    }),
  ),
  createdBy: z.string(),
  createdAt: time,
  expiresAt: time,
});
export type FleetToken = z.output<typeof fleetTokenSchema>;
export const fleetTokensSchema = z.object({ tokens: z.array(fleetTokenSchema) });

/** A token that was made. */
export const newTokenSchema = z.object({
  ...fleetTokenSchema.shape,
  /** `qxj1.SECRET.FINGERPRINT`, as a host takes it. */
  joinToken: z.string(),
  /** SHA-256 of the control plane's CA, in hex: what the host shows before it joins. */
  fingerprint: z.string(),
});
export type NewToken = z.output<typeof newTokenSchema>;

/** Who asks for something: for the audit log. */
const by = z.string().min(1).max(100);

/** Longest life of a token, in seconds: a year. */
export const LONGEST_TOKEN_LIFE = 365 * 24 * 60 * 60;

/** Asks for a token. */
export const tokenRequestSchema = z.strictObject({
  by,
  description: z.string().max(255),
  uses: z.int().min(1).max(10_000),
  expiresInSeconds: z.int().min(60).max(LONGEST_TOKEN_LIFE),
});
export type TokenRequest = z.output<typeof tokenRequestSchema>;

/** Asks for what needs no words but whose. */
export const byRequestSchema = z.strictObject({ by });

/** What a virtual machine can be told. */
export const VM_ACTIONS = ['start', 'shutdown', 'stop', 'reboot'] as const;
export type VmAction = (typeof VM_ACTIONS)[number];

/** Asks for a task of a virtual machine. */
export const vmActionRequestSchema = z.strictObject({
  by,
  action: z.enum(VM_ACTIONS),
  /** Seconds that the task may take until its end. */
  expiresInSeconds: z
    .int()
    .min(1)
    .max(24 * 60 * 60),
});
export type VmActionRequest = z.output<typeof vmActionRequestSchema>;

/** Asks for a node's maintenance to begin or end. */
export const nodeMaintenanceRequestSchema = z.strictObject({
  by,
  on: z.boolean(),
  reason: z.string().max(255),
});
export type NodeMaintenanceRequest = z.output<typeof nodeMaintenanceRequestSchema>;

/** Asks for a node to be deleted. */
export const nodeDeleteRequestSchema = z.strictObject({ by, reason: z.string().max(255) });
export type NodeDeleteRequest = z.output<typeof nodeDeleteRequestSchema>;

/** How a roll-out fares, and each of its hosts. */
export const fleetRolloutSchema = z.object({
  id: z.string(),
  product: z.string(),
  channel: z.string(),
  architecture: z.string(),
  /** What its system is made from. */
  base: z.string(),
  version: z.string(),
  serial: z.number(),
  /** How many of the hosts may have it, of a hundred. */
  percentage: z.number(),
  /** Hosts that are updated at the same time, at most. */
  atOnce: z.number(),
  state: z.enum(['RUNNING', 'PAUSED', 'DONE', 'ENDED']),
  /** Why it is paused or was ended; empty otherwise. */
  reason: z.string(),
  createdBy: z.string(),
  createdAt: time,
  finishedAt: time.nullable(),
  /** In the order in which they have their turn. */
  hosts: z.array(
    z.object({
      nodeId: z.string(),
      node: z.string(),
      state: z.enum(['WAITING', 'UNDER_WAY', 'DONE', 'FAILED', 'SKIPPED']),
      /** Whether the release is for it, by what it told of its CPU and base last. */
      fit: z.enum(['FITTING', 'OTHER', 'UNKNOWN']),
      taskId: z.string().nullable(),
      /** 0 to 100 while it is under way, as it was heard of last. */
      progress: z.number().nullable(),
      message: z.string(),
      /** The version that the host told last; null if it told none. */
      version: z.string().nullable(),
      lastHeard: time.nullable(),
      startedAt: time.nullable(),
      finishedAt: time.nullable(),
    }),
  ),
});
export type FleetRollout = z.output<typeof fleetRolloutSchema>;

/** Releases that are here for hosts, how they come here, and roll-outs, the newest first. */
export const fleetUpdatesSchema = z.object({
  /** Root of the tree that is mirrored; null if there is none. */
  upstream: z.string().nullable(),
  releases: z.array(
    z.object({
      product: z.string(),
      channel: z.string(),
      architecture: z.string(),
      /** What is here; null if nothing is that can be used. */
      release: z
        .object({
          version: z.string(),
          serial: z.number(),
          issued: time,
          expires: time,
          bytes: z.number(),
          /** Whether its image is here, too. */
          isWhole: z.boolean(),
        })
        .nullable(),
      /** When the update server was asked last; null if it was not since this program began. */
      askedAt: time.nullable(),
      /** What is wrong; null if nothing is. */
      problem: z.string().nullable(),
    }),
  ),
  rollouts: z.array(fleetRolloutSchema),
});
export type FleetUpdates = z.output<typeof fleetUpdatesSchema>;

const percentage = z.int().min(1).max(100);

/** Asks for a roll-out of the release that is here. */
export const rolloutRequestSchema = z.strictObject({
  by,
  channel: z.string().min(1).max(32),
  architecture: z.string().min(1).max(32),
  percentage,
  atOnce: z.int().min(1).max(100),
  /** It has to be this one. */
  version: z.string().max(80).optional(),
});
export type RolloutRequest = z.output<typeof rolloutRequestSchema>;

/** Asks for a roll-out to go on. */
export const rolloutResumeSchema = z.strictObject({
  by,
  percentage: percentage.optional(),
  /** Hosts that failed are left out instead of being tried once more. */
  skipFailed: z.boolean(),
});
export type RolloutResume = z.output<typeof rolloutResumeSchema>;
