import type { Database } from '../database/database.ts';
import type { Requirement } from '../database/model.ts';
import type { NameFlags } from '../solver/flags.ts';
import { planAdd } from './add.ts';
import { planDel } from './del.ts';
import { planFix } from './fix.ts';
import { planUpgrade } from './upgrade.ts';
import type { AppletCall } from './words.ts';

/** What a command asks of the solver. */
export interface AppletPlan {
  readonly world: readonly Requirement[];
  /** What is preferred everywhere. */
  readonly flags: number;
  readonly nameFlags: readonly NameFlags[];
}

/** From what a command is planned. */
export interface AppletContext {
  readonly call: AppletCall;
  readonly database: Database;
  /** World before the command, on the names of the database. */
  readonly world: readonly Requirement[];
}

/**
 * What a command makes of the world, and what it prefers. `add --virtual` adds a package to the database.
 * @throws AppletError if its words are wrong or name what is not there
 */
export function planApplet(context: AppletContext): AppletPlan {
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
