import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { systemClock } from '../../watch/clock.ts';
import { type DatabaseAddress, openConnection } from './connection.ts';

/** Milliseconds between two attempts to listen. */
const RETRY_AFTER = 2000;

export interface ListenOptions {
  readonly address: DatabaseAddress;
  /** Name of the channel: see PostgreSQL's NOTIFY. */
  readonly channel: 'node_news' | 'event_news';
  /** What is delayed while the connection is lost, for the log. */
  readonly late: string;
  /**
   * Receives the payload of each notification; undefined after a reconnect, when notifications may have been missed.
   */
  readonly onNews: (payload: string | undefined) => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Subscribes to notifications of the database, from any program, until the signal is aborted. */
export async function listenForNews(options: ListenOptions): Promise<void> {
  const { address, channel, late, onNews, log, signal } = options;
  for (let isWell = true; !signal.aborted; ) {
    try {
      const client = await openConnection(address);
      try {
        const { promise: lost, resolve } = Promise.withResolvers<void>();
        client.on('end', resolve);
        client.on('notification', ({ payload }) => onNews(payload));
        await client.query(`LISTEN ${channel}`);
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
      if (isWell) log.warning(`${late}: ${messageOf(error)}`);
      isWell = false;
    }
    await systemClock.sleep(RETRY_AFTER, signal);
  }
}
