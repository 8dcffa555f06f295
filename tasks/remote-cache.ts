import type { RemoteCache, RemoteCacheReport } from '../build/remote-cache/remote-cache.ts';
import type { Output } from './ui/events.ts';
import { formatBytes, formatCount } from './ui/format.ts';

/** Maximum number of refusals that are printed in full. */
const MOST_TOLD = 3;

/** Options about results of others. */
export interface RemoteCacheOptions {
  /** False if no results of others may be used, including those in the local cache. */
  remoteCache: boolean;
  /** Use only the cache of this host. */
  offline: boolean;
}

/**
 * Calls a function with the remote cache that is configured in the environment, if there is one and it may be used.
 * Then waits for its uploads, and reports how it was used.
 * @throws ExplainedError if its settings are wrong; errors of `work`
 */
export async function withRemoteCache<T>(
  { remoteCache, offline }: RemoteCacheOptions,
  output: Pick<Output, 'say'>,
  work: (remote: RemoteCache | 'forbidden' | undefined) => Promise<T>,
): Promise<T> {
  if (!remoteCache) return work('forbidden');
  // Loading the modules below takes longer than a build that has nothing to do.
  if (offline || (process.env.QUANTIX_REMOTE_CACHE ?? '') === '') return work(undefined);
  const { readRemoteCacheSettings } = await import('../build/remote-cache/settings.ts');
  const settings = await readRemoteCacheSettings();
  if (settings === undefined) return work(undefined);
  const { RemoteCache } = await import('../build/remote-cache/remote-cache.ts');
  await using remote = new RemoteCache(settings);
  const done = await work(remote);
  await remote.settle();
  for (const line of describeRemote(remote.report())) output.say(line);
  return done;
}

/** Describes the use of a remote cache and its problems: `remote cache: 4 of 5 steps, 212 MB down, 0 refused`, … */
export function describeRemote(report: RemoteCacheReport): string[] {
  const { steps, packages, refused, givenUp, closed, address } = report;
  const brought = [
    ...(steps.brought > 0 ? [formatCount(steps.brought, 'step')] : []),
    ...(packages.brought > 0 ? [formatCount(packages.brought, 'package')] : []),
  ].join(' and ');
  const parts = [
    `${steps.had} of ${steps.asked} steps`,
    ...(packages.asked > 0 ? [`${packages.had} of ${packages.asked} packages`] : []),
    `${formatBytes(report.received)} down`,
    `${refused.length} refused`,
    ...(brought === '' ? [] : [`${brought} uploaded (${formatBytes(report.sent)})`]),
  ];
  const more = refused.length > MOST_TOLD ? [`  and ${refused.length - MOST_TOLD} more`] : [];
  return [
    `remote cache: ${parts.join(', ')}`,
    ...(givenUp === undefined ? [] : [`  given up: ${givenUp} (${address})`]),
    ...(closed === undefined ? [] : [`  uploads stopped: ${closed} (${address})`]),
    ...refused.slice(0, MOST_TOLD).map((what) => `  refused ${what}`),
    ...more,
  ];
}
