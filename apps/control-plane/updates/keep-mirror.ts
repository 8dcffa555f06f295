import { readTrustedKeys } from '../../../build/release/keys.ts';
import { type ReleaseLine, releasePath } from '../../../build/release/tree.ts';
import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { AutoResetEvent } from '../../watch/auto-reset-event.ts';
import { type Clock, systemClock } from '../../watch/clock.ts';
import type { Config } from '../config.ts';
import { mirrorRelease } from './mirror.ts';
import type { PinnedRelease, TreeTurn } from './tree.ts';

/**
 * Milliseconds between two requests to the update server after success, and after a failure; the latter is doubled with
 * each further failure, up to `LONGEST_WAIT`.
 */
const LOOK_EVERY = 30 * 60_000;
const RETRY_AFTER = 2 * 60_000;
const LONGEST_WAIT = 6 * 60 * 60_000;

/** The state of the mirroring of a line. */
export interface MirrorState {
  readonly line: ReleaseLine;
  /** When the server was last asked; undefined if it was not asked yet. */
  readonly askedAt: Date | undefined;
  /** Why the last attempt failed. */
  readonly problem: string | undefined;
}

/** Keeps the tree equal to the update server's. */
export interface MirrorKeeper {
  states(): readonly MirrorState[];
  /** Asks the server now. */
  look(): void;
  /** Resolves after the signal is aborted and all work has ended. */
  readonly ended: Promise<void>;
}

export interface KeepMirrorOptions {
  readonly updates: Config['updates'];
  readonly readPinned: () => Promise<readonly PinnedRelease[]>;
  readonly inTurn: TreeTurn;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** Returns the lines that a configuration names. */
export function listConfiguredLines({
  products,
  channels,
  architectures,
}: Config['updates']): ReleaseLine[] {
  return products.flatMap((product) =>
    channels.flatMap((channel) =>
      architectures.map((architecture) => ({ product, channel, architecture })),
    ),
  );
}

/** Asks the update server repeatedly for each line, and downloads new releases; without a server, it does nothing. */
export function keepMirror(options: KeepMirrorOptions): MirrorKeeper {
  const { updates, readPinned, inTurn, log, signal, clock = systemClock } = options;
  const states = new Map<string, MirrorState>();
  const news = new AutoResetEvent();
  const failures = new Map<string, number>();
  const due = new Map<string, number>();
  const coming = new Map<string, string>();
  const bring = async (upstream: string, line: ReleaseLine) => {
    const { folder, keys, limitGiB } = updates;
    const name = nameOf(line);
    const before = states.get(name)?.problem;
    let problem: string | undefined;
    try {
      const brought = await mirrorRelease({
        ...{ upstream, folder, line, signal, now: new Date(), limit: limitGiB * 1024 ** 3 },
        trusted: await readTrustedKeys(keys),
        ...{ coming, readPinned, inTurn },
      });
      if (typeof brought !== 'string') {
        log.info(`the release ${brought.version} of ${name} is here, serial ${brought.serial}`);
      }
    } catch (error) {
      if (signal.aborted) return;
      problem = messageOf(error);
      if (problem !== before) log.warning(`updates: ${problem}`);
    }
    states.set(name, { line, askedAt: new Date(), problem });
    // An image that is damaged on the server must not be downloaded every two minutes.
    failures.set(name, problem === undefined ? 0 : (failures.get(name) ?? 0) + 1);
    due.set(name, clock.elapsed() + waitAfter(failures.get(name) ?? 0));
  };
  const work = async () => {
    const { upstream } = updates;
    while (upstream !== undefined && !signal.aborted) {
      for (const line of listConfiguredLines(updates)) {
        const isDue = (due.get(nameOf(line)) ?? 0) <= clock.elapsed();
        if (isDue && !signal.aborted) await bring(upstream, line);
      }
      const next = Math.min(...due.values(), clock.elapsed() + LOOK_EVERY);
      await news.wait(Math.max(0, next - clock.elapsed()), signal, clock);
    }
  };
  const look = () => {
    due.clear();
    news.set();
  };
  return { states: () => [...states.values()], look, ended: work() };
}

function nameOf(line: ReleaseLine): string {
  return releasePath(line).replace('/release.json', '');
}

/** Returns the milliseconds until the next request for a line, after a number of failures in a row. */
function waitAfter(failures: number): number {
  if (failures === 0) return LOOK_EVERY;
  return Math.min(RETRY_AFTER * 2 ** (failures - 1), LONGEST_WAIT);
}
