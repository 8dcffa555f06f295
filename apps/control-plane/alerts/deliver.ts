import type { Transaction } from 'kysely';
import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { AutoResetEvent } from '../../watch/auto-reset-event.ts';
import { systemClock } from '../../watch/clock.ts';
import type { Config } from '../config.ts';
import { type Election, NotLeaderError } from '../coordination/election.ts';
import type { Database } from '../database/database.ts';
import {
  dropOverdueNews,
  readReceiver,
  recordDelivery,
  recordFailure,
  recordSkip,
} from '../database/repositories/alert-receivers.ts';
import { listEvents } from '../database/repositories/events.ts';
import { FencedError, writeAsLeader } from '../database/repositories/leadership.ts';
import type { DB } from '../database/schema.ts';
import type { EventFeed } from '../events/feed.ts';
import { type AlertReceiver, readAlertEvent } from './receiver.ts';
import { createSyslogReceiver } from './syslog.ts';
import { createWebhookReceiver } from './webhook.ts';

/** Maximum number of alert events that wait for one receiver; older ones are dropped and counted. */
export const MOST_WAITING = 1000;

/** Milliseconds between two queries of the database if no notification arrives. */
const LOOK_EVERY = 10_000;

/**
 * Delays before the next attempt after a failure, in milliseconds; the delay doubles with each failure, up to `most`.
 */
export interface RetryTimes {
  readonly first: number;
  readonly most: number;
}
const RETRY: RetryTimes = { first: 1000, most: 300_000 };

/** Creates the receivers of alerts that the configuration names. */
export function openReceivers({ webhooks, syslog }: Config['alerts']): AlertReceiver[] {
  return [
    ...webhooks.map((one) => createWebhookReceiver(one)),
    ...syslog.map((one) => createSyslogReceiver(one)),
  ];
}

export interface DeliverOptions {
  readonly database: Database;
  /** Only the leader delivers. */
  readonly leadership: Pick<Election, 'asLeader'>;
  readonly feed: Pick<EventFeed, 'listen'>;
  readonly receivers: readonly AlertReceiver[];
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly retry?: RetryTimes;
  readonly mostWaiting?: number;
}

/**
 * Delivers alerts to receivers while this program is the leader, until the signal is aborted. Each receiver gets all
 * events in order, starting from when it was configured. Events wait in the database and survive a restart; a failing
 * receiver does not delay the others.
 */
export async function deliverAlerts(options: DeliverOptions): Promise<void> {
  const { receivers } = options;
  const wakes = receivers.map(() => new AutoResetEvent());
  await Promise.all([
    ...(receivers.length === 0 ? [] : [wakeWithNews(options, wakes)]),
    ...receivers.map((receiver, index) => deliverTo(receiver, wakes[index]!, options)),
  ]);
}

async function wakeWithNews(
  { feed, signal }: DeliverOptions,
  wakes: readonly AutoResetEvent[],
): Promise<void> {
  while (!signal.aborted) {
    try {
      const filter = { subjectTypes: ['ALERT'] } as const;
      for await (const _event of await feed.listen({ filter, signal })) {
        for (const wake of wakes) wake.set();
      }
    } catch {
      // The subscription was lost: missed events are found in the database.
      for (const wake of wakes) wake.set();
    }
  }
}

async function deliverTo(
  receiver: AlertReceiver,
  wake: AutoResetEvent,
  options: DeliverOptions,
): Promise<void> {
  const { leadership, log, signal, retry = RETRY } = options;
  let failures = 0;
  let reported = '';
  while (!signal.aborted) {
    try {
      const isMore = await leadership.asLeader((epoch) => deliverNext(receiver, epoch, options));
      failures = 0;
      if (reported !== '') log.info(`alerts reach ${receiver.name} again`);
      reported = '';
      if (isMore) continue;
    } catch (error) {
      if (!(error instanceof NotLeaderError || error instanceof FencedError)) {
        const why = messageOf(error);
        if (why !== reported) log.warning(`alerts do not reach ${receiver.name}: ${why}`);
        reported = why;
        // New events do not shorten the delay after a failure.
        const wait = Math.min(retry.first * 2 ** failures, retry.most);
        failures += 1;
        await systemClock.sleep(wait * (0.8 + 0.4 * Math.random()), signal);
        continue;
      }
    }
    await wake.wait(LOOK_EVERY, signal);
  }
}

/** Delivers the next event to a receiver. @returns whether there may be more @throws Error if the delivery fails */
async function deliverNext(
  receiver: AlertReceiver,
  epoch: number,
  { database, log, signal, mostWaiting = MOST_WAITING }: DeliverOptions,
): Promise<boolean> {
  const { name, severities } = receiver;
  const state = await writeAsLeader(database, epoch, async (transaction) => {
    const lost = await dropOverdueNews(transaction, name, { most: mostWaiting, severities });
    if (lost > 0) log.warning(`${lost} events of alerts were given up: too many wait for ${name}`);
    return await readReceiver(transaction, name);
  });
  const [event] = await listEvents(database.db, {
    ...{ after: state.deliveredThrough, limit: 1, filter: { subjectTypes: ['ALERT'] } },
  });
  if (event === undefined) return false;
  const { id: through } = event;
  const record = (note: (transaction: Transaction<DB>) => Promise<void>) =>
    writeAsLeader(database, epoch, note);
  if (!severities.has(readAlertEvent(event).severity)) {
    await record((transaction) => recordSkip(transaction, name, through));
    return true;
  }
  try {
    await receiver.deliver(event, signal);
  } catch (error) {
    const failure = { why: messageOf(error), at: new Date() };
    if (!signal.aborted) await record((transaction) => recordFailure(transaction, name, failure));
    throw error;
  }
  await record((transaction) => recordDelivery(transaction, name, { through, at: new Date() }));
  return true;
}
