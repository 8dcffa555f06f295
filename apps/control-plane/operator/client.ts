import { userInfo } from 'node:os';
import type * as z from 'zod';
import {
  type AddressEnd,
  type AddressPlan,
  type FleetAddress,
  fleetAddressSchema,
} from '../../api/address.ts';
import {
  type FleetAlert,
  type FleetAlerts,
  fleetAlertSchema,
  fleetAlertsSchema,
} from '../../api/alerts.ts';
import { auditVerdictSchema, fleetAuditSchema } from '../../api/audit.ts';
import { type Backups, backupsSchema } from '../../api/backups.ts';
import {
  type CertificateOrderRequest,
  type CertificateRequest,
  type ShownCertificate,
  shownCertificateSchema,
} from '../../api/certificate.ts';
import { type FleetEvents, fleetEventsSchema } from '../../api/events.ts';
import {
  type FleetNode,
  type FleetPool,
  type FleetRollout,
  type FleetTask,
  type FleetToken,
  type FleetUpdates,
  type FleetVm,
  fleetNodeSchema,
  fleetNodesSchema,
  fleetPoolSchema,
  fleetPoolsSchema,
  fleetRolloutSchema,
  fleetTaskSchema,
  fleetTasksSchema,
  fleetTokenSchema,
  fleetTokensSchema,
  fleetUpdatesSchema,
  fleetVmSchema,
  fleetVmsSchema,
  type NewToken,
  type NodeMaintenanceRequest,
  newTokenSchema,
  type RolloutRequest,
  type RolloutResume,
  type TokenRequest,
  type VmActionRequest,
} from '../../api/fleet.ts';
import { CONTROL_PLANE_SOCKET } from '../../api/readiness.ts';
import {
  type FirstLogIn,
  firstLogInSchema,
  type IssuedUser,
  issuedUserSchema,
  type User,
  type UserRequest,
  userSchema,
  usersSchema,
} from '../../api/users.ts';
import { ask } from '../../http/ask.ts';

/** Options of a request to this machine's control plane. All functions reject with an AnswerError for people. */
export interface Asking {
  /** Its socket; the appliance's by default. */
  readonly socket?: string;
  readonly signal?: AbortSignal;
}

/** A request without its requester, which is the account of this process. */
type Unsigned<T> = Omit<T, 'by'>;

export async function listNodes(asking: Asking = {}): Promise<FleetNode[]> {
  return (await get('/v1/nodes', fleetNodesSchema, asking)).nodes;
}

/** @param node id, prefix of an id, or host name */
export const showNode = (node: string, asking: Asking = {}): Promise<FleetNode> =>
  get(`/v1/nodes/${segment(node)}`, fleetNodeSchema, asking);

export const resyncNode = (node: string, asking: Asking = {}): Promise<FleetNode> =>
  post(`/v1/nodes/${segment(node)}/resync`, {}, fleetNodeSchema, asking);

/** @param node its full id */
export const adoptNode = (node: string, asking: Asking = {}): Promise<FleetNode> =>
  post(`/v1/nodes/${segment(node)}/adopt`, {}, fleetNodeSchema, asking);

export const setNodeMaintenance = (
  node: string,
  request: Unsigned<NodeMaintenanceRequest>,
  asking: Asking = {},
): Promise<FleetTask> =>
  post(`/v1/nodes/${segment(node)}/maintenance`, request, fleetTaskSchema, asking);

/** @returns the node as it was before */
export const deleteNode = (node: string, reason: string, asking: Asking = {}): Promise<FleetNode> =>
  post(`/v1/nodes/${segment(node)}/delete`, { reason }, fleetNodeSchema, asking);

/** Lists virtual machines; `more` says that not all fit into the answer. @param node only those on this node */
export const listVms = (
  node: string | undefined,
  asking: Asking = {},
): Promise<{ vms: FleetVm[]; more: boolean }> =>
  get(`/v1/vms${query({ node })}`, fleetVmsSchema, asking);

export const showVm = (vm: string, asking: Asking = {}): Promise<FleetVm> =>
  get(`/v1/vms/${segment(vm)}`, fleetVmSchema, asking);

/** Starts an action of a virtual machine on its node. @returns the new task */
export const actOnVm = (
  vm: string,
  request: Unsigned<VmActionRequest>,
  asking: Asking = {},
): Promise<FleetTask> => post(`/v1/vms/${segment(vm)}/tasks`, request, fleetTaskSchema, asking);

export async function listPools(asking: Asking = {}): Promise<FleetPool[]> {
  return (await get('/v1/pools', fleetPoolsSchema, asking)).pools;
}

export const showPool = (pool: string, asking: Asking = {}): Promise<FleetPool> =>
  get(`/v1/pools/${segment(pool)}`, fleetPoolSchema, asking);

/** Lists the newest tasks, newest first. */
export async function listTasks(
  node: string | undefined,
  asking: Asking = {},
): Promise<FleetTask[]> {
  return (await get(`/v1/tasks${query({ node })}`, fleetTasksSchema, asking)).tasks;
}

export const showTask = (task: string, asking: Asking = {}): Promise<FleetTask> =>
  get(`/v1/tasks/${segment(task)}`, fleetTaskSchema, asking);

export const cancelTask = (task: string, asking: Asking = {}): Promise<FleetTask> =>
  post(`/v1/tasks/${segment(task)}/cancel`, {}, fleetTaskSchema, asking);

export async function listTokens(asking: Asking = {}): Promise<FleetToken[]> {
  return (await get('/v1/join-tokens', fleetTokensSchema, asking)).tokens;
}

/** @returns the token with its secret, which is shown only once */
export const createToken = (
  request: Unsigned<TokenRequest>,
  asking: Asking = {},
): Promise<NewToken> => post('/v1/join-tokens', request, newTokenSchema, asking);

export const revokeToken = (token: string, asking: Asking = {}): Promise<FleetToken> =>
  post(`/v1/join-tokens/${segment(token)}/revoke`, {}, fleetTokenSchema, asking);

export const listUpdates = (asking: Asking = {}): Promise<FleetUpdates> =>
  get('/v1/updates', fleetUpdatesSchema, asking);

export const showRollout = (rollout: string, asking: Asking = {}): Promise<FleetRollout> =>
  get(`/v1/updates/${segment(rollout)}`, fleetRolloutSchema, asking);

export const startRollout = (
  request: Unsigned<RolloutRequest>,
  asking: Asking = {},
): Promise<FleetRollout> => post('/v1/updates', request, fleetRolloutSchema, asking);

export const pauseRollout = (rollout: string, asking: Asking = {}): Promise<FleetRollout> =>
  post(`/v1/updates/${segment(rollout)}/pause`, {}, fleetRolloutSchema, asking);

export const resumeRollout = (
  rollout: string,
  request: Unsigned<RolloutResume>,
  asking: Asking = {},
): Promise<FleetRollout> =>
  post(`/v1/updates/${segment(rollout)}/resume`, request, fleetRolloutSchema, asking);

/** Milliseconds within which the audit log must be verified: a million entries take some seconds. */
const VERIFIED_WITHIN = 600_000;

/** Parameters of a query string. */
type Asked<Name extends string> = Readonly<Partial<Record<Name, string | undefined>>>;

export const listEvents = (
  asked: Asked<'after' | 'kind' | 'node' | 'limit'>,
  asking: Asking = {},
): Promise<FleetEvents> => get(`/v1/events${query(asked)}`, fleetEventsSchema, asking);

export const listAlerts = (
  asked: Asked<'all' | 'limit'>,
  asking: Asking = {},
): Promise<FleetAlerts> => get(`/v1/alerts${query(asked)}`, fleetAlertsSchema, asking);

export const actOnAlert = (
  alert: string,
  action: 'acknowledge' | 'clear',
  asking: Asking = {},
): Promise<FleetAlert> =>
  post(`/v1/alerts/${segment(alert)}/${action}`, {}, fleetAlertSchema, asking);

export const listAudit = (
  asked: Asked<'after' | 'before' | 'action' | 'user' | 'limit'>,
  asking: Asking = {},
): Promise<z.output<typeof fleetAuditSchema>> =>
  get(`/v1/audit${query(asked)}`, fleetAuditSchema, asking);

export const verifyAudit = (
  asked: Asked<'head'>,
  asking: Asking = {},
): Promise<z.output<typeof auditVerdictSchema>> =>
  ask({
    ...{ ...whom(asking), path: `/v1/audit/verify${query(asked)}`, schema: auditVerdictSchema },
    timeLimit: VERIFIED_WITHIN,
  });

export async function listUsers(asking: Asking = {}): Promise<User[]> {
  return (await get('/v1/users', usersSchema, asking)).users;
}

/** @returns the account with its password, which is shown only once */
export const addUser = (request: Unsigned<UserRequest>, asking: Asking = {}): Promise<IssuedUser> =>
  post('/v1/users', request, issuedUserSchema, asking);

/** Reads where people log in for the first time, and whether somebody has. */
export const readFirstLogIn = (asking: Asking = {}): Promise<FirstLogIn> =>
  get('/v1/first-password', firstLogInSchema, asking);

/** Issues a password for the first log-in; each call returns another one. */
export const issueFirstPassword = (asking: Asking = {}): Promise<IssuedUser> =>
  post('/v1/first-password', {}, issuedUserSchema, asking);

/** @returns the account with its new password, which is shown only once */
export const resetUserPassword = (user: string, asking: Asking = {}): Promise<IssuedUser> =>
  post(`/v1/users/${segment(user)}/reset-password`, {}, issuedUserSchema, asking);

export const setUserEnabled = (
  user: string,
  verb: 'disable' | 'enable',
  asking: Asking = {},
): Promise<User> => post(`/v1/users/${segment(user)}/${verb}`, {}, userSchema, asking);

/** Reads the certificate of the port for people. */
export const showCertificate = (asking: Asking = {}): Promise<ShownCertificate> =>
  get('/v1/certificate', shownCertificateSchema, asking);

/** Replaces the certificate of the port for people. */
export const setCertificate = (
  request: Unsigned<CertificateRequest>,
  asking: Asking = {},
): Promise<ShownCertificate> => post('/v1/certificate', request, shownCertificateSchema, asking);

/** Milliseconds within which a certificate must be ordered. */
const ORDERED_WITHIN = 150_000;

/** Orders a certificate of the port for people by ACME. */
export const orderCertificate = (
  request: Unsigned<CertificateOrderRequest>,
  asking: Asking = {},
): Promise<ShownCertificate> =>
  ask({
    ...{ ...whom(asking), method: 'POST', path: '/v1/certificate/acme' },
    body: JSON.stringify({ ...request, by: identifyRequester() }),
    ...{ schema: shownCertificateSchema, timeLimit: ORDERED_WITHIN },
  });

/** Restores the control plane's own certificate. */
export const resetCertificate = (asking: Asking = {}): Promise<ShownCertificate> =>
  post('/v1/certificate/reset', {}, shownCertificateSchema, asking);

/** Milliseconds within which a backup must be made and restored once. */
const BACKED_UP_WITHIN = 180_000;

/** Reads which backups the control plane has made by itself. */
export const showBackups = (asking: Asking = {}): Promise<Backups> =>
  get('/v1/backups', backupsSchema, asking);

/** Makes a backup, and restores it once. */
export const makeBackupNow = (asking: Asking = {}): Promise<Backups> =>
  ask({
    ...{ ...whom(asking), method: 'POST', path: '/v1/backups', body: JSON.stringify({}) },
    ...{ schema: backupsSchema, timeLimit: BACKED_UP_WITHIN },
  });

/** Reads the addresses at which hosts find the control plane, and which hosts have stored them. */
export const showAddress = (asking: Asking = {}): Promise<FleetAddress> =>
  get('/v1/address', fleetAddressSchema, asking);

/** Announces to hosts an address that this machine will have. */
export const planAddress = (
  request: Unsigned<AddressPlan>,
  asking: Asking = {},
): Promise<FleetAddress> => post('/v1/address/plan', request, fleetAddressSchema, asking);

/** Ends the planned change: only the present addresses are announced to hosts again. */
export const endAddressPlan = (
  request: Unsigned<AddressEnd>,
  asking: Asking = {},
): Promise<FleetAddress> => post('/v1/address/end', request, fleetAddressSchema, asking);

function get<T>(path: string, schema: z.ZodType<T>, asking: Asking): Promise<T> {
  return ask({ ...whom(asking), path, schema });
}

function post<T>(path: string, request: object, schema: z.ZodType<T>, asking: Asking): Promise<T> {
  const body = JSON.stringify({ ...request, by: identifyRequester() });
  return ask({ ...whom(asking), method: 'POST', path, body, schema });
}

function whom({ socket = CONTROL_PLANE_SOCKET, signal }: Asking) {
  const answerer = { name: 'the control plane', service: 'qx-controlplane', socketPath: socket };
  return { whom: answerer, ...(signal === undefined ? {} : { signal }) };
}

/** Returns the requester for the audit log: the account, or the one that became root by sudo. */
export function identifyRequester(): string {
  const { SUDO_USER } = process.env;
  return SUDO_USER !== undefined && SUDO_USER !== '' ? SUDO_USER.slice(0, 100) : accountName();
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    // The account has no entry in passwd(5).
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

function segment(name: string): string {
  return encodeURIComponent(name);
}

function query(asked: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(asked).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return given.length === 0 ? '' : `?${given.join('&')}`;
}
