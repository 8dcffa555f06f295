import type { Database } from '../database/database.ts';
import type { Requirement } from '../database/model.ts';
import { NO_TAG } from '../database/tags.ts';
import { formatDependency } from '../dependency/dependency.ts';
import { type Solution, solve } from '../solver/solve.ts';
import { planAdd } from './add.ts';
import { planDel } from './del.ts';
import { planFix } from './fix.ts';
import type { AppletContext, AppletPlan } from './plan.ts';
import { planSelfUpgrade, planUpgrade } from './upgrade.ts';
import { AppletError } from './words.ts';

/** The outcome of a command. */
export interface Transaction {
  readonly solution: Solution;
  /** World after the command. */
  readonly world: readonly Requirement[];
  /** Whether the command is `upgrade --self-upgrade-only`, as in apk 2.14. */
  readonly selfUpgrade: boolean;
}

/**
 * Plans a command and solves it.
 * @returns `undefined` if `upgrade --self-upgrade-only` or `--preupgrade-only` finds nothing newer that can be
 *   installed
 * @throws AppletError if its arguments are malformed or name an unknown package, or world has a tag that no repository
 *   has
 */
export function transact(context: AppletContext): Transaction | undefined {
  const { call, database, world } = context;
  if (call.applet === 'upgrade') checkTags(context, world);
  const selfUpgrade = call.options.has('self-upgrade-only');
  if (call.applet === 'upgrade' && (selfUpgrade || call.options.has('preupgrade-only'))) {
    const plan = planSelfUpgrade(context);
    const first = plan === undefined ? undefined : solvePlan(context, plan, { selfUpgrade: true });
    return first === undefined || first.solution.errors > 0 ? undefined : { ...first, selfUpgrade };
  }
  const plan = planApplet({ call, database, world });
  checkTags(context, plan.world);
  return solvePlan(context, plan, { selfUpgrade: false });
}

/**
 * Plans a command: the resulting world, and flags for the solver. `add --virtual` adds a package to the database.
 * @throws AppletError if its arguments are malformed or name an unknown package
 */
function planApplet(context: AppletContext): AppletPlan {
  switch (context.call.applet) {
    case 'add':
      return planAdd(context);
    case 'del':
      return planDel(context);
    case 'upgrade':
      return planUpgrade(context);
    case 'fix':
      return planFix(context);
  }
}

function solvePlan(
  { call, database }: AppletContext,
  { world, flags, nameFlags }: AppletPlan,
  { selfUpgrade }: { selfUpgrade: boolean },
): Transaction {
  const dropBroken = isForced(call.options);
  const solution = solve({ database, world, flags, nameFlags, selfUpgrade, dropBroken });
  return { solution, world, selfUpgrade };
}

function isForced(options: ReadonlySet<string>): boolean {
  return options.has('force-broken-world') || options.has('force');
}

/** Refuses a world with a tag that no repository has. */
function checkTags({ call, database }: AppletContext, world: readonly Requirement[]): void {
  if (isForced(call.options)) return;
  const lost = world.filter((dependency) => hasLostTag(database, dependency));
  if (lost.length === 0) return;
  throw new AppletError('other', {
    what: `no repository has the tag of ${lost.map(formatDependency).join(', ')}`,
    where: 'world',
    fix: 'Add the repository with its tag, or add the name without it.',
  });
}

function hasLostTag({ tags }: Database, { tag = '' }: Requirement): boolean {
  const number = tags.number(tag);
  return number !== NO_TAG && tags.repositories(number) === 0;
}
