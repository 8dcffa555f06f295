import { readTrustedKeys } from '../../../build/release/keys.ts';
import { type ReleaseLine, releasePath } from '../../../build/release/tree.ts';
import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { AutoResetEvent } from '../../watch/auto-reset-event.ts';
import type { Config } from '../config.ts';
import { mirror } from './mirror.ts';
import type { PinnedRelease } from './tree.ts';

/** Milliseconds between two looks at the update server, and after a failure. */
const LOOK_EVERY = 30 * 60_000;
const RETRY_AFTER = 2 * 60_000;

/** How the mirroring of a line stands. */
export interface MirrorState {
  readonly line: ReleaseLine;
  /** When the server was asked last; undefined if it was not yet. */
  readonly askedAt: Date | undefined;
  /** Why nothing came of it. */
  readonly problem: string | undefined;
}

/** The tree is kept like that of the update server. */
export interface MirrorKeeper {
  states(): readonly MirrorState[];
  /** Asks the server now. */
  look(): void;
  /** Works until the signal is aborted. */
  readonly ended: Promise<void>;
}

export interface KeepMirrorOptions {
  readonly updates: Config['updates'];
  readonly readPinned: () => Promise<readonly PinnedRelease[]>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** The lines that a configuration names. */
export function linesOf({ products, channels, architectures }: Config['updates']): ReleaseLine[] {
  return products.flatMap((product) =>
    channels.flatMap((channel) =>
      architectures.map((architecture) => ({ product, channel, architecture })),
    ),
  );
}

/** Asks the update server again and again for each line, and brings what is new; without a server nothing is done. */
export function keepMirror(options: KeepMirrorOptions): MirrorKeeper {
  const { updates, log, signal } = options;
  const states = new Map<string, MirrorState>();
  const news = new AutoResetEvent();
  const bring = async (upstream: string, line: ReleaseLine) => {
    const { folder, keys, limitGiB } = updates;
    const name = releasePath(line).replace('/release.json', '');
    const before = states.get(name)?.problem;
    let problem: string | undefined;
    try {
      const brought = await mirror({
        ...{ upstream, folder, line, signal, now: new Date(), limit: limitGiB * 1024 ** 3 },
        trusted: await readTrustedKeys(keys),
        pinned: await options.readPinned(),
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
  };
  const work = async () => {
    const { upstream } = updates;
    while (upstream !== undefined && !signal.aborted) {
      for (const line of linesOf(updates)) if (!signal.aborted) await bring(upstream, line);
      const isWell = [...states.values()].every(({ problem }) => problem === undefined);
      await news.wait(isWell ? LOOK_EVERY : RETRY_AFTER, signal);
    }
  };
  return { states: () => [...states.values()], look: () => news.set(), ended: work() };
}
