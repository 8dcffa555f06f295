/**
 * The names of what is ours in both appliances; the programs of `apps/` and the scripts of `overlay/common` use them. A
 * profile that includes either needs these, too.
 */
export const names = { namespace: 'quantix', programPrefix: 'qx' };
