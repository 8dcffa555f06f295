import type { Transaction } from 'kysely';
import * as z from 'zod';
import { issuedUserSchema, USER_ROLES, username, userSchema } from '../../api/users.ts';
import { ApiError } from '../../http/error.ts';
import type { Database, Executor } from '../database/database.ts';
import {
  type ApiKey,
  createApiKey,
  listApiKeys,
  revokeApiKey,
} from '../database/repositories/api-keys.ts';
import { enterAudit } from '../database/repositories/audit-log.ts';
import {
  assignRole,
  createRole,
  findRole,
  listPermissions,
  listRoles,
  type Role,
  removeRole,
  updateRole,
  withdrawRole,
} from '../database/repositories/roles.ts';
import { findUser, listUsers, type User } from '../database/repositories/users.ts';
import type { DB } from '../database/schema.ts';
import { VALUE_SETS } from '../database/values.ts';
import {
  addAccount,
  changeAccount,
  describeUser,
  lockAdmins,
  removeAccount,
  resetPassword,
} from './accounts.ts';
import { type Caller, selectAccount, selectAuditFields } from './caller.ts';
import { PERMISSIONS } from './permissions.ts';
import {
  computeEntityTag,
  createNameSchema,
  createRoute,
  createTextSchema,
  givenId,
  idParams,
  type Route,
  requireMatch,
} from './route.ts';
import { type UserEvent, writeUserEvent } from './user-events.ts';

const time = z.iso.datetime();

const roleSchema = z.object({
  id: z.guid(),
  name: z.string(),
  description: z.string(),
  type: z.enum(VALUE_SETS.roles_type),
  parentId: z.guid().nullable(),
  permissions: z.array(z.string()),
});

const apiKeySchema = z.object({
  id: z.guid(),
  name: z.string(),
  /** The visible beginning of the key. */
  prefix: z.string(),
  permissions: z.array(z.string()),
  createdAt: time,
  expiresAt: time.nullable(),
  lastUsed: time.nullable(),
  revokedAt: time.nullable(),
});

const email = createTextSchema(3, 255).nullable();
const permissions = z.array(z.enum(PERMISSIONS)).max(PERMISSIONS.length);

const newRole = z.strictObject({
  name: createNameSchema(100),
  description: createTextSchema(0, 1000).default(''),
  permissions,
});

export interface AccountSources {
  readonly db: Database['db'];
  readonly now: () => Date;
}

/**
 * Creates the routes of accounts, roles and API keys. Nobody can grant permissions that they do not have, or change an
 * account with more permissions than their own.
 */
export function createAccountRoutes(sources: AccountSources): Route[] {
  return [...userRoutes(sources), ...roleRoutes(sources), ...keyRoutes(sources)];
}

function userRoutes({ db, now }: AccountSources): Route[] {
  return [
    createRoute('user:read', {
      ...{ method: 'GET', path: '/v1/users', status: 200 },
      summary: 'Accounts, the oldest first',
      answer: z.object({ items: z.array(userSchema) }),
      handle: async () => ({ body: { items: (await listUsers(db)).map(describeUser) } }),
    }),
    createRoute('user:read', {
      ...{ method: 'GET', path: '/v1/users/{id}', status: 200 },
      summary: 'An account',
      params: idParams,
      answer: userSchema,
      handle: async ({ params: { id } }) => ({ body: describeUser(await readUser(db, id)) }),
    }),
    createRoute('user:create', {
      ...{ method: 'POST', path: '/v1/users', status: 201, isSecret: true },
      summary: 'Create an account with a generated password, which is shown only in this answer',
      body: z.strictObject({
        username,
        email: email.default(null),
        role: z.enum(USER_ROLES),
      }),
      answer: issuedUserSchema,
      handle: async ({ body, caller }) => {
        await refuseToGive(db, caller, body.role);
        const { user, password } = await addAccount(db, body, selectAuditFields(caller));
        return { body: { ...describeUser(user), password } };
      },
    }),
    createRoute('user:update', {
      ...{ method: 'PATCH', path: '/v1/users/{id}', status: 200 },
      heeds: ['If-Match'],
      summary: 'Change an account; while it is disabled, its sessions and API keys do not work',
      params: idParams,
      body: z.strictObject({
        email: email.optional(),
        role: z.enum(USER_ROLES).optional(),
        enabled: z.boolean().optional(),
      }),
      answer: userSchema,
      handle: async ({ params: { id }, body, caller, headers }) => {
        if (body.role !== undefined) await refuseToGive(db, caller, body.role);
        const changed = await db.transaction().execute(async (transaction) => {
          const user = await lockUser(transaction, id);
          await refuseMorePrivileged(transaction, caller, id);
          requireMatch(headers, describeUser(user));
          return await changeAccount(transaction, user, body, {
            by: selectAuditFields(caller),
            now: now(),
          });
        });
        const shown = describeUser(changed);
        return { body: shown, headers: { etag: computeEntityTag(shown) } };
      },
    }),
    createRoute('user:delete', {
      ...{ method: 'DELETE', path: '/v1/users/{id}', status: 204 },
      heeds: ['If-Match'],
      summary: 'Remove an account with its sessions and API keys',
      params: idParams,
      handle: async ({ params: { id }, caller, headers }) => {
        await db.transaction().execute(async (transaction) => {
          const user = await lockUser(transaction, id);
          await refuseMorePrivileged(transaction, caller, id);
          requireMatch(headers, describeUser(user));
          await removeAccount(transaction, user, selectAuditFields(caller));
        });
        return {};
      },
    }),
    createRoute('user:update', {
      ...{ method: 'POST', path: '/v1/users/{id}/reset-password', status: 200, isSecret: true },
      summary:
        'Generate another password for an account, which is shown only in this answer; its sessions end',
      params: idParams,
      answer: issuedUserSchema,
      handle: async ({ params: { id }, caller }) => {
        await refuseMorePrivileged(db, caller, id);
        const { user, password } = await resetPassword(db, await readUser(db, id), {
          ...{ by: selectAuditFields(caller), now: now() },
          // It may have got more permissions while the password was hashed.
          allow: (transaction) => refuseMorePrivileged(transaction, caller, id),
        });
        return { body: { ...describeUser(user), password } };
      },
    }),
    createRoute('user:update', {
      ...{ method: 'POST', path: '/v1/users/{id}/roles/{roleId}', status: 204 },
      summary: 'Give an account a further role',
      params: z.strictObject({ id: givenId, roleId: givenId }),
      handle: async ({ params: { id, roleId }, caller }) => {
        await db.transaction().execute(async (transaction) => {
          const user = await lockUser(transaction, id);
          const role = await readRole(transaction, roleId);
          await refuseMorePrivileged(transaction, caller, id);
          refuseMore(caller, await permissionsOfRole(transaction, role.id));
          await assignRole(transaction, { userId: id, roleId, assignedBy: caller.userId });
          await enterRoles(transaction, 'user.assign-role', caller, user, role);
        });
        return {};
      },
    }),
    createRoute('user:update', {
      ...{ method: 'DELETE', path: '/v1/users/{id}/roles/{roleId}', status: 204 },
      summary: 'Take a further role from an account',
      params: z.strictObject({ id: givenId, roleId: givenId }),
      handle: async ({ params: { id, roleId }, caller }) => {
        await db.transaction().execute(async (transaction) => {
          const user = await lockUser(transaction, id);
          const role = await readRole(transaction, roleId);
          await refuseMorePrivileged(transaction, caller, id);
          await withdrawRole(transaction, id, roleId);
          await enterRoles(transaction, 'user.withdraw-role', caller, user, role);
        });
        return {};
      },
    }),
  ];
}

function roleRoutes({ db }: AccountSources): Route[] {
  return [
    createRoute('user:read', {
      ...{ method: 'GET', path: '/v1/roles', status: 200 },
      summary: 'Roles, the oldest first',
      answer: z.object({ items: z.array(roleSchema) }),
      handle: async () => ({ body: { items: (await listRoles(db)).map(describeRole) } }),
    }),
    createRoute('user:read', {
      ...{ method: 'GET', path: '/v1/roles/{id}', status: 200 },
      summary: 'A role',
      params: idParams,
      answer: roleSchema,
      handle: async ({ params: { id } }) => ({ body: describeRole(await readRole(db, id)) }),
    }),
    createRoute('user:update', {
      ...{ method: 'POST', path: '/v1/roles', status: 201 },
      summary: 'Make a role',
      body: newRole,
      answer: roleSchema,
      handle: async ({ body, caller }) => {
        refuseMore(caller, body.permissions);
        const role = await db.transaction().execute(async (transaction) => {
          const made = await createRole(transaction, body);
          await enterRole(transaction, ['role.create', 'role-created'], caller, made);
          return made;
        });
        return { body: describeRole(role) };
      },
    }),
    createRoute('user:update', {
      ...{ method: 'PATCH', path: '/v1/roles/{id}', status: 200 },
      heeds: ['If-Match'],
      summary: 'Change a role of one’s own',
      params: idParams,
      body: z.strictObject({
        name: createNameSchema(100).optional(),
        description: createTextSchema(0, 1000).optional(),
        permissions: permissions.optional(),
      }),
      answer: roleSchema,
      handle: async ({ params: { id }, body, caller, headers }) => {
        const role = await db.transaction().execute(async (transaction) => {
          await lockRoles(transaction);
          const before = await readRole(transaction, id);
          requireMatch(headers, describeRole(before));
          refuseMore(caller, [...before.permissions, ...(body.permissions ?? [])]);
          const after = (await updateRole(transaction, id, body)) ?? before;
          await enterRole(transaction, ['role.update', 'role-changed'], caller, after);
          return after;
        });
        const shown = describeRole(role);
        return { body: shown, headers: { etag: computeEntityTag(shown) } };
      },
    }),
    createRoute('user:update', {
      ...{ method: 'DELETE', path: '/v1/roles/{id}', status: 204 },
      heeds: ['If-Match'],
      summary: 'Delete a role of one’s own, which everybody loses',
      params: idParams,
      handle: async ({ params: { id }, caller, headers }) => {
        await db.transaction().execute(async (transaction) => {
          await lockRoles(transaction);
          const role = await readRole(transaction, id);
          requireMatch(headers, describeRole(role));
          refuseMore(caller, role.permissions);
          await removeRole(transaction, id);
          await enterRole(transaction, ['role.delete', 'role-removed'], caller, role);
        });
        return {};
      },
    }),
  ];
}

function keyRoutes({ db, now }: AccountSources): Route[] {
  return [
    createRoute('session', {
      ...{ method: 'GET', path: '/v1/api-keys', status: 200 },
      summary: 'One’s own API keys, the oldest first',
      answer: z.object({ items: z.array(apiKeySchema) }),
      handle: async ({ caller }) => ({
        body: { items: (await listApiKeys(db, caller.userId)).map(describeKey) },
      }),
    }),
    createRoute('session', {
      ...{ method: 'POST', path: '/v1/api-keys', status: 201, isSecret: true },
      summary:
        'Create an API key, which is shown only in this answer and never has more permissions than its owner',
      body: z.strictObject({
        name: createNameSchema(100),
        permissions: permissions.min(1),
        expiresInSeconds: z
          .int()
          .min(60)
          .max(10 * 365 * 24 * 60 * 60)
          .nullable()
          .default(null),
      }),
      answer: z.object({ ...apiKeySchema.shape, key: z.string() }),
      handle: async ({ body: { name, expiresInSeconds, ...body }, caller }) => {
        refuseMore(caller, body.permissions);
        const expiresAt =
          expiresInSeconds === null ? null : new Date(now().getTime() + expiresInSeconds * 1000);
        const { secret, key } = await db.transaction().execute(async (transaction) => {
          const made = await createApiKey(transaction, {
            ...{ name, createdBy: caller.userId, permissions: body.permissions, expiresAt },
          });
          await enterKey(transaction, ['api-key.create', 'key-created'], caller, made.key);
          return made;
        });
        return { body: { ...describeKey(key), key: secret } };
      },
    }),
    createRoute('session', {
      ...{ method: 'DELETE', path: '/v1/api-keys/{id}', status: 204 },
      summary: 'Revoke one of one’s own API keys',
      params: idParams,
      handle: async ({ params: { id }, caller }) => {
        await db.transaction().execute(async (transaction) => {
          const key = (await listApiKeys(transaction, caller.userId)).find((one) => one.id === id);
          if (key === undefined || !(await revokeApiKey(transaction, id, now()))) {
            throw new ApiError(404, 'there is no such API key, or it was revoked before');
          }
          await enterKey(transaction, ['api-key.revoke', 'key-revoked'], caller, key);
        });
        return {};
      },
    }),
  ];
}

async function readUser(db: Executor, id: string): Promise<User> {
  const user = await findUser(db, id);
  if (user === undefined) throw new ApiError(404, 'there is no such account');
  return user;
}

/**
 * Reads an account and locks it until the end of the transaction. All admins are locked first, by everyone who changes
 * accounts: two transactions that lock accounts in different orders could deadlock.
 */
async function lockUser(transaction: Transaction<DB>, id: string): Promise<User> {
  await lockAdmins(transaction);
  const query = transaction.selectFrom('users').selectAll().where('id', '=', id).forUpdate();
  const user = await query.executeTakeFirst();
  if (user === undefined) throw new ApiError(404, 'there is no such account');
  return user;
}

/** Locks all roles until the end of the transaction. */
async function lockRoles(transaction: Executor): Promise<void> {
  await transaction.selectFrom('roles').select('id').orderBy('id').forUpdate().execute();
}

async function readRole(db: Executor, id: string): Promise<Role> {
  const role = await findRole(db, id);
  if (role === undefined) throw new ApiError(404, 'there is no such role');
  return role;
}

/** Returns the permissions of a role and its parents. */
async function permissionsOfRole(db: Executor, id: string): Promise<string[]> {
  const roles = new Map((await listRoles(db)).map((role) => [role.id, role]));
  const found = new Set<string>();
  const seen = new Set<string>();
  for (let role = roles.get(id); role !== undefined && !seen.has(role.id); ) {
    seen.add(role.id);
    for (const one of role.permissions) found.add(one);
    role = role.parentId === null ? undefined : roles.get(role.parentId);
  }
  return [...found];
}

/** @throws ApiError 403 if somebody would grant permissions that they do not have */
function refuseMore({ permissions: own, username: who }: Caller, given: readonly string[]): void {
  const more = given.filter((one) => !own.has(one));
  if (more.length === 0) return;
  throw new ApiError(403, `${who} does not have ${more.slice(0, 5).join(', ')}`);
}

async function refuseToGive(db: Executor, caller: Caller, name: string): Promise<void> {
  const role = (await listRoles(db)).find((one) => one.name === name && one.type === 'system');
  refuseMore(caller, role === undefined ? [] : await permissionsOfRole(db, role.id));
}

/**
 * Everyone may change their own account, but not with an API key, which may have fewer permissions than its owner.
 * @throws ApiError 403 if the account has permissions that the caller does not have: the caller could take it over
 */
async function refuseMorePrivileged(db: Executor, caller: Caller, userId: string): Promise<void> {
  if (userId === caller.userId && caller.sessionId !== undefined) return;
  const user = await readUser(db, userId);
  const system = (await listRoles(db)).find(
    ({ name, type }) => name === user.role && type === 'system',
  );
  // Count the role of a disabled account, too: it could be enabled.
  const ofRole = system === undefined ? [] : await permissionsOfRole(db, system.id);
  refuseMore(caller, [...new Set([...ofRole, ...(await listPermissions(db, userId))])]);
}

/** Records a change of an account's additional roles in the audit log and as an event. */
async function enterRoles(
  transaction: Executor,
  action: string,
  caller: Caller,
  user: User,
  role: Role,
): Promise<void> {
  const resource = { resourceType: 'user', resourceId: user.id, resourceName: user.username };
  const details = { role: role.name };
  await enterAudit(transaction, { ...selectAuditFields(caller), action, details, ...resource });
  const data = { changed: ['roles'], by: caller.username };
  await writeUserEvent(transaction, 'changed', user, data);
}

async function enterRole(
  transaction: Executor,
  [action, event]: [action: string, event: UserEvent],
  caller: Caller,
  { id, name, permissions: allowed }: Role,
): Promise<void> {
  const resource = { resourceType: 'role', resourceId: id, resourceName: name };
  const details = { permissions: allowed };
  await enterAudit(transaction, { ...selectAuditFields(caller), action, details, ...resource });
  const data = { role: name, permissions: allowed };
  await writeUserEvent(transaction, event, selectAccount(caller), data);
}

async function enterKey(
  transaction: Executor,
  [action, event]: [action: string, event: UserEvent],
  caller: Caller,
  { id, name, permissions: allowed }: ApiKey,
): Promise<void> {
  const resource = { resourceType: 'api-key', resourceId: id, resourceName: name };
  const details = { permissions: allowed };
  await enterAudit(transaction, { ...selectAuditFields(caller), action, details, ...resource });
  const data = { key: name, permissions: allowed };
  await writeUserEvent(transaction, event, selectAccount(caller), data);
}

function describeRole({ id, name, description, type, parentId, permissions: allowed }: Role) {
  return { id, name, description, type, parentId, permissions: allowed };
}

function describeKey(key: ApiKey): z.output<typeof apiKeySchema> {
  const { id, name, prefix, permissions: allowed, createdAt, expiresAt, lastUsed, revokedAt } = key;
  return {
    ...{ id, name, prefix, permissions: allowed, createdAt: createdAt.toISOString() },
    expiresAt: expiresAt?.toISOString() ?? null,
    lastUsed: lastUsed?.toISOString() ?? null,
    revokedAt: revokedAt?.toISOString() ?? null,
  };
}
