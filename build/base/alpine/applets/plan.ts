import type { Database } from '../database/database.ts';
import type { Requirement } from '../database/model.ts';
import type { NameFlags } from '../solver/flags.ts';
import { planAdd } from './add.ts';
import { planDel } from './del.ts';
import { planFix } from './fix.ts';
import { planUpgrade } from './upgrade.ts';
import type { AppletCall } from './words.ts';

/** What a command has the solver do. */
export interface AppletPlan {
  readonly world: readonly Requirement[];
  /** Preferences for all names; bits of `Flag`. */
  readonly flags: number;
  readonly nameFlags: readonly NameFlags[];
}

/** What a command is planned from. */
export interface AppletContext {
  readonly call: AppletCall;
  readonly database: Database;
  /** World before the command, on the names of the database. */
  readonly world: readonly Requirement[];
}

/**
 * The world that a command leads to, and its preferences. `add --virtual` adds a package to the database.
 * @throws AppletError if its arguments are malformed or name an unknown package
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
