import type { Database } from '../database/database.ts';
import type { Requirement } from '../database/model.ts';
import type { NameFlags } from '../solver/flags.ts';
import type { AppletCall } from './words.ts';

/** The solver's input for a command. */
export interface AppletPlan {
  readonly world: readonly Requirement[];
  /** Flags for all names; bits of `Flag`. */
  readonly flags: number;
  readonly nameFlags: readonly NameFlags[];
}

/** Input for planning a command. */
export interface AppletContext {
  readonly call: AppletCall;
  readonly database: Database;
  /** World before the command, with names of the database. */
  readonly world: readonly Requirement[];
}
