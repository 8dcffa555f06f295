/** All permissions of roles and API keys; the role admin has all of them. */
export const PERMISSIONS = [
  ...(['vm:create', 'vm:read', 'vm:update', 'vm:delete', 'vm:start', 'vm:stop'] as const),
  ...(['vm:migrate', 'node:create', 'node:read', 'node:update', 'node:delete'] as const),
  ...(['node:drain', 'network:create', 'network:read', 'network:update'] as const),
  ...(['network:delete', 'storage:create', 'storage:read', 'storage:update'] as const),
  ...(['storage:delete', 'user:create', 'user:read', 'user:update', 'user:delete'] as const),
  ...(['system:config', 'system:audit', 'task:read', 'task:cancel', 'alert:read'] as const),
  ...(['alert:update', 'event:read', 'metrics:read'] as const),
] as const;

export type Permission = (typeof PERMISSIONS)[number];
