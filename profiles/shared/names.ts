/**
 * Names that both appliances share; the programs of `apps/` and the scripts of `overlay/common` use them. A profile
 * that includes any of these needs the names, too.
 */
export const names = { namespace: 'quantix', programPrefix: 'qx' };
