import * as z from 'zod';

/**
 * What the control plane answers to an operator on its socket, and `qx-controlplane … --json` prints. Times are ISO
 * 8601, in UTC.
 */

const time = z.iso.datetime();
const size = z.number().nullable();

/** A host that has joined. */
export const fleetNodeSchema = z.object({
  id: z.string(),
  hostname: z.string(),
  /** Its management address, and the time since which it has this address; null if it has none. */
  managementAddress: z.string().nullable(),
  addressSince: time.nullable(),
  phase: z.string(),
  /** Time of its last message; null if there was none. */
  lastHeard: time.nullable(),
  /** Whether its last message is so recent that its reports count as current. */
  isHeard: z.boolean(),
  /** Number of virtual machines recorded on it. */
  vms: z.number(),
  joinedAt: time,
  /** When it left voluntarily; null if it has not. Its calls are refused from then on. */
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
   * How current `powerState` is. `now`: current; `last-seen`: last reported before its node became silent; `never`: no
   * node has ever reported it; `lost`: last reported before its node lost it.
   */
  known: z.enum(['now', 'last-seen', 'never', 'lost']),
  /** Time of the power state; null if it was never reported. */
  asOf: time.nullable(),
  isManaged: z.boolean(),
  /** Why its node no longer has it. */
  lostReason: z.string().nullable(),
});
export type FleetVm = z.output<typeof fleetVmSchema>;
/** `more`: whether there are further ones, which were left out. */
export const fleetVmsSchema = z.object({ vms: z.array(fleetVmSchema), more: z.boolean() });

/** A storage pool, and its state on each host that reported it. Sizes are in bytes, null if unknown. */
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
      /** State in the host's last report. */
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

/** A task of a host. */
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
  /** Whether somebody has canceled it; a host that has started it continues. */
  isCancelRequested: z.boolean(),
});
export type FleetTask = z.output<typeof fleetTaskSchema>;
export const fleetTasksSchema = z.object({ tasks: z.array(fleetTaskSchema) });

/** A join token; its secret is shown only once, at its creation. */
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

/** A new token. */
export const newTokenSchema = z.object({
  ...fleetTokenSchema.shape,
  /** `qxj1.SECRET.FINGERPRINT`, the form that a host expects. */
  joinToken: z.string(),
  /** SHA-256 of the control plane's CA, in hex: the host shows it before it joins. */
  fingerprint: z.string(),
});
export type NewToken = z.output<typeof newTokenSchema>;

/** Who makes a request, for the audit log. */
const by = z.string().min(1).max(100);

/** Longest lifetime of a token in seconds: a year. */
export const LONGEST_TOKEN_LIFE = 365 * 24 * 60 * 60;

/** Request for a token. */
export const tokenRequestSchema = z.strictObject({
  by,
  description: z.string().max(255),
  uses: z.int().min(1).max(10_000),
  expiresInSeconds: z.int().min(60).max(LONGEST_TOKEN_LIFE),
});
export type TokenRequest = z.output<typeof tokenRequestSchema>;

/** Request that contains only its requester. */
export const byRequestSchema = z.strictObject({ by });

/** Actions on a virtual machine. */
export const VM_ACTIONS = ['start', 'shutdown', 'stop', 'reboot'] as const;
export type VmAction = (typeof VM_ACTIONS)[number];

/** Request for an action on a virtual machine. */
export const vmActionRequestSchema = z.strictObject({
  by,
  action: z.enum(VM_ACTIONS),
  /** Seconds within which the task must end. */
  expiresInSeconds: z
    .int()
    .min(1)
    .max(24 * 60 * 60),
});
export type VmActionRequest = z.output<typeof vmActionRequestSchema>;

/** Request to start or end a node's maintenance. */
export const nodeMaintenanceRequestSchema = z.strictObject({
  by,
  on: z.boolean(),
  reason: z.string().max(255),
});
export type NodeMaintenanceRequest = z.output<typeof nodeMaintenanceRequestSchema>;

/** Request to delete a node. */
export const nodeDeleteRequestSchema = z.strictObject({ by, reason: z.string().max(255) });
export type NodeDeleteRequest = z.output<typeof nodeDeleteRequestSchema>;

/** A roll-out, and the state of each of its hosts. */
export const fleetRolloutSchema = z.object({
  id: z.string(),
  product: z.string(),
  channel: z.string(),
  architecture: z.string(),
  /** Base of the release's system. */
  base: z.string(),
  version: z.string(),
  serial: z.number(),
  /** Percentage of the hosts that may be updated. */
  percentage: z.number(),
  /** Maximum number of hosts that are updated at the same time. */
  atOnce: z.number(),
  state: z.enum(['RUNNING', 'PAUSED', 'DONE', 'ENDED']),
  /** Why it is paused or was ended; empty otherwise. */
  reason: z.string(),
  createdBy: z.string(),
  createdAt: time,
  finishedAt: time.nullable(),
  /** In the order in which they are updated. */
  hosts: z.array(
    z.object({
      nodeId: z.string(),
      node: z.string(),
      state: z.enum(['WAITING', 'UNDER_WAY', 'DONE', 'FAILED', 'SKIPPED']),
      /** Whether the release fits the host, according to its last reported CPU architecture and base. */
      fit: z.enum(['FITTING', 'OTHER', 'UNKNOWN']),
      taskId: z.string().nullable(),
      /** Last reported progress, 0 to 100; null unless it is under way. */
      progress: z.number().nullable(),
      message: z.string(),
      /** Last version that the host reported; null if there was none. */
      version: z.string().nullable(),
      lastHeard: time.nullable(),
      startedAt: time.nullable(),
      finishedAt: time.nullable(),
    }),
  ),
});
export type FleetRollout = z.output<typeof fleetRolloutSchema>;

/** Available releases for hosts, their source, and roll-outs, newest first. */
export const fleetUpdatesSchema = z.object({
  /** Root of the mirrored tree; null if nothing is mirrored. */
  upstream: z.string().nullable(),
  releases: z.array(
    z.object({
      product: z.string(),
      channel: z.string(),
      architecture: z.string(),
      /** The available release; null if there is none that can be used. */
      release: z
        .object({
          version: z.string(),
          serial: z.number(),
          issued: time,
          expires: time,
          bytes: z.number(),
          /** Whether its image is available, too. */
          isWhole: z.boolean(),
        })
        .nullable(),
      /** Time of the last request to the update server; null if there was none since this program started. */
      askedAt: time.nullable(),
      /** The present problem; null if there is none. */
      problem: z.string().nullable(),
    }),
  ),
  rollouts: z.array(fleetRolloutSchema),
});
export type FleetUpdates = z.output<typeof fleetUpdatesSchema>;

const percentage = z.int().min(1).max(100);

/** Request to roll out the available release. */
export const rolloutRequestSchema = z.strictObject({
  by,
  channel: z.string().min(1).max(32),
  architecture: z.string().min(1).max(32),
  percentage,
  atOnce: z.int().min(1).max(100),
  /** The version that the release must have. */
  version: z.string().max(80).optional(),
});
export type RolloutRequest = z.output<typeof rolloutRequestSchema>;

/** Request to resume a roll-out. */
export const rolloutResumeSchema = z.strictObject({
  by,
  percentage: percentage.optional(),
  /** Whether hosts that failed are left out instead of being tried again. */
  skipFailed: z.boolean(),
});
export type RolloutResume = z.output<typeof rolloutResumeSchema>;
