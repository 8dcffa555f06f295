/**
 * Names that both appliances share; the programs of `apps/` and the scripts of `overlay/common` use them. A profile
 * with any of these programs or scripts must have these names, too.
 */
export const names = { namespace: 'quantix', programPrefix: 'qx' };
