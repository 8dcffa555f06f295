import { findAccount, isRoot, switchToAccount } from '../account.ts';
import { type Config, readConfig } from '../config.ts';

/**
 * Reads the configuration for a command that root runs, then switches to the account under which the control plane
 * connects to PostgreSQL. If that account does not exist, as on a developer's machine, the process keeps its own.
 * @throws ControlPlaneError as `readConfig` does
 */
export async function readConfigAsAccount(file: string): Promise<Config> {
  const config = await readConfig(file);
  const account = isRoot() ? await findAccount(config.database.user) : undefined;
  if (account !== undefined) switchToAccount(account);
  return config;
}
