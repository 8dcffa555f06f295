import type { RemoteCache, RemoteCacheReport } from '../build/remote-cache/remote-cache.ts';
import type { Output } from './ui/events.ts';
import { count, formatBytes } from './ui/format.ts';

/** Refusals that are told in full. */
const MOST_TOLD = 3;

/** What a command line says about results of others. */
export interface RemoteCacheOptions {
  /** False if none may be taken, nor those that were taken before. */
  remoteCache: boolean;
  /** Use nothing but the cache of this host. */
  offline: boolean;
}

/**
 * Does something with the remote cache that the environment names, where there is one and it may be used, and says at
 * the end what came of it. What is still being brought to it then is waited for.
 * @throws ExplainedError if its settings are wrong; whatever `work` throws
 */
export async function withRemoteCache<T>(
  { remoteCache, offline }: RemoteCacheOptions,
  output: Pick<Output, 'say'>,
  work: (remote: RemoteCache | 'forbidden' | undefined) => Promise<T>,
): Promise<T> {
  if (!remoteCache) return work('forbidden');
  // Loading what follows takes longer than a build with nothing to do has left.
  if (offline || (process.env.QUANTIX_REMOTE_CACHE ?? '') === '') return work(undefined);
  const { remoteCacheSettings } = await import('../build/remote-cache/settings.ts');
  const settings = await remoteCacheSettings();
  if (settings === undefined) return work(undefined);
  const { RemoteCache } = await import('../build/remote-cache/remote-cache.ts');
  await using remote = new RemoteCache(settings);
  const done = await work(remote);
  await remote.settle();
  for (const line of describeRemote(remote.report())) output.say(line);
  return done;
}

/**
 * What came of a remote cache, in lines for people: `remote cache: 4 of 5 steps, 212 MB down, 0 refused`; what is wrong
 * with it follows.
 */
export function describeRemote(report: RemoteCacheReport): string[] {
  const { steps, packages, refused, givenUp, closed, address } = report;
  const brought = [
    ...(steps.brought > 0 ? [count(steps.brought, 'step')] : []),
    ...(packages.brought > 0 ? [count(packages.brought, 'package')] : []),
  ].join(' and ');
  const parts = [
    `${steps.had} of ${steps.asked} steps`,
    ...(packages.asked > 0 ? [`${packages.had} of ${packages.asked} packages`] : []),
    `${formatBytes(report.received)} down`,
    `${refused.length} refused`,
    ...(brought === '' ? [] : [`${brought} brought (${formatBytes(report.sent)} up)`]),
  ];
  const more = refused.length > MOST_TOLD ? [`  and ${refused.length - MOST_TOLD} more`] : [];
  return [
    `remote cache: ${parts.join(', ')}`,
    ...(givenUp === undefined ? [] : [`  given up: ${givenUp} (${address})`]),
    ...(closed === undefined ? [] : [`  nothing more was brought there: ${closed} (${address})`]),
    ...refused.slice(0, MOST_TOLD).map((what) => `  refused ${what}`),
    ...more,
  ];
}
