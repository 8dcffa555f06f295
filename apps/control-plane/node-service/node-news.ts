import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { systemClock } from '../../watch/clock.ts';
import { type DatabaseAddress, openConnection } from '../database/connection.ts';

/** Milliseconds between two attempts to listen. */
const RETRY_AFTER = 2000;

export interface NewsOptions {
  readonly address: DatabaseAddress;
  /** There is something new of this node; of any node where none is said. */
  readonly onNews: (nodeId: string | undefined) => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Listens to the database for news of nodes, by whichever program they come, until the signal. After a time without a
 * connection there may be news of any node.
 */
export async function listenForNews({ address, onNews, log, signal }: NewsOptions): Promise<void> {
  for (let isWell = true; !signal.aborted; ) {
    try {
      const client = await openConnection(address);
      try {
        const { promise: lost, resolve } = Promise.withResolvers<void>();
        client.on('end', resolve);
        client.on('notification', ({ payload }) => onNews(payload));
        await client.query('LISTEN node_news');
        isWell = true;
        onNews(undefined);
        const stop = () => resolve();
        signal.addEventListener('abort', stop, { once: true });
        if (signal.aborted) stop();
        await lost;
        signal.removeEventListener('abort', stop);
      } finally {
        await client.end();
      }
    } catch (error) {
      if (isWell) log.warning(`tasks reach nodes late: ${messageOf(error)}`);
      isWell = false;
    }
    await systemClock.sleep(RETRY_AFTER, signal);
  }
}
