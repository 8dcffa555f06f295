/** Options of `qx-node pool`, for node:util's parseArgs. */
export const POOL_OPTIONS = {
  disk: { type: 'string', multiple: true },
  lvm: { type: 'boolean' },
  destroy: { type: 'string' },
  iscsi: { type: 'string' },
  portal: { type: 'string', multiple: true },
  nfs: { type: 'string' },
  option: { type: 'string', multiple: true },
  directory: { type: 'string' },
  path: { type: 'string' },
} as const;

/** Parsed values of these options. */
export interface PoolValues {
  disk?: string[] | undefined;
  lvm?: boolean | undefined;
  destroy?: string | undefined;
  iscsi?: string | undefined;
  portal?: string[] | undefined;
  nfs?: string | undefined;
  option?: string[] | undefined;
  directory?: string | undefined;
  path?: string | undefined;
}

/** Returns whether any of these options is set. */
export function hasPoolValues(values: PoolValues): boolean {
  return Object.keys(POOL_OPTIONS).some((name) => name in values);
}
