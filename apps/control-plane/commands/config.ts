import { becomeAccount, findAccount, isRoot } from '../account.ts';
import { type Config, readConfig } from '../config.ts';

/**
 * Reads the configuration for a command of an operator, who is root. The command then goes on as the account that PostgreSQL
 * knows the control plane by; a developer's machine has none, and the command stays who it is.
 * @throws ControlPlaneError as `readConfig` does
 */
export async function readConfigAsAccount(file: string): Promise<Config> {
  const config = await readConfig(file);
  const account = isRoot() ? await findAccount(config.database.user) : undefined;
  if (account !== undefined) becomeAccount(account);
  return config;
}
