import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../files/durable-file.ts';
import { run } from '../process/run.ts';

/** Folder of rules that last until the next boot; `/etc/firewall/rules.nft` includes them. */
const FOLDER = '/run/quantix/firewall';

/** Milliseconds that nft may take. */
const TIMEOUT = 10_000;

/** How the firewall is changed. */
export interface FirewallOptions {
  signal?: AbortSignal | undefined;
  /** Folder of the rules; for tests. */
  folder?: string;
  /** Path of nft(8); for tests. */
  program?: string;
}

/**
 * Opens a TCP port for a service, until it is closed or the machine restarts.
 * @param service name of the service, which has at most one open port
 * @throws CommandError, DiskError
 */
export async function openPort(
  service: string,
  port: number,
  { signal, folder = FOLDER, program = 'nft' }: FirewallOptions = {},
): Promise<void> {
  const file = join(folder, `${service}.nft`);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await writeDurably(file, formatRule(port), 0o644);
  try {
    await run(program, ['-f', file], { timeout: TIMEOUT, signal });
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

/** Returns the rule that opens a port, in the language of nft(8). */
export function formatRule(port: number): string {
  return `add element inet quantix open_tcp { ${port} }\n`;
}

/** Closes the port of a service. @throws CommandError */
export async function closePort(
  service: string,
  port: number,
  { folder = FOLDER, program = 'nft' }: FirewallOptions = {},
): Promise<void> {
  await rm(join(folder, `${service}.nft`), { force: true });
  const set = ['element', 'inet', 'quantix', 'open_tcp'];
  await run(program, ['delete', ...set, `{ ${port} }`], { timeout: TIMEOUT });
}
