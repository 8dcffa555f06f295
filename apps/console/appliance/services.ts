import { z } from 'zod';
import { run } from '../../process/run.ts';
import type { Service } from '../deps.ts';

/** Milliseconds that a list may take, and that a restart may: its services stop and start one after the other. */
const LIST_TIMEOUT = 10_000;
const RESTART_TIMEOUT = 120_000;

const stateSchema = z.enum([
  'started',
  'starting',
  'stopping',
  'stopped',
  'inactive',
  'failed',
  'crashed',
  'unsupervised',
]);

/**
 * Parses `rc-status --all --format ini`: `[runlevel]`, and `name =  started 00:01:02 (0) `. A service may be in several
 * runlevels; lines that are not like that are left out.
 */
export function parseServices(text: string): Service[] {
  const states = new Map<string, Service['state']>();
  for (const line of text.split('\n')) {
    const [, name, word] = /^([\w.+-]+) = +(\w+)\b/.exec(line) ?? [];
    const state = stateSchema.safeParse(word);
    if (name !== undefined && state.success) states.set(name, state.data);
  }
  return [...states].map(([name, state]) => ({ name, state })).sort(byName);
}

function byName(one: Service, other: Service): number {
  return one.name < other.name ? -1 : 1;
}

/** The services of all runlevels. @throws CommandError */
export async function readServices(signal: AbortSignal): Promise<Service[]> {
  const args = ['--all', '--format', 'ini'];
  return parseServices(await run('rc-status', args, { timeout: LIST_TIMEOUT, signal }));
}

/** Restarts a service, and those that need it. @throws CommandError */
export async function restartService(name: string, signal: AbortSignal): Promise<void> {
  await run('rc-service', [name, 'restart'], { timeout: RESTART_TIMEOUT, signal });
}
