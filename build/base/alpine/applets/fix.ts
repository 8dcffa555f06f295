import { Flag, type NameFlags } from '../solver/flags.ts';
import { matchNames } from './matching.ts';
import type { AppletContext, AppletPlan } from './plan.ts';

/**
 * `apk fix`: reinstalls or upgrades (`--upgrade`) the named packages, or all broken ones; with `--depends`, their
 * dependencies too.
 * @throws AppletError if a name is unknown
 */
export function planFix({ call, database, world }: AppletContext): AppletPlan {
  const { options, operands } = call;
  const flags =
    (options.has('reinstall') ? Flag.reinstall : 0) | (options.has('upgrade') ? Flag.upgrade : 0) ||
    Flag.reinstall;
  const inheritable = options.has('depends') ? flags : 0;
  const names =
    operands.length > 0
      ? matchNames(database, operands)
      : database.installed.filter((one) => isBroken(one, options)).map(({ name }) => name);
  return {
    world,
    flags: 0,
    nameFlags: names.map(({ name }): NameFlags => ({ name, flags, inheritable })),
  };
}

function isBroken(
  { installed }: AppletContext['database']['installed'][number],
  options: ReadonlySet<string>,
): boolean {
  if (installed === undefined) return false;
  return installed.broken || (installed.brokenAttributes && options.has('xattr'));
}
