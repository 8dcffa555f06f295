import pLimit from 'p-limit';
import type { FleetEvent } from '../../api/events.ts';
import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { AutoResetEvent } from '../../watch/auto-reset-event.ts';
import type { DatabaseAddress } from '../database/connection.ts';
import type { Database } from '../database/database.ts';
import { listenForNews } from '../database/listen.ts';
import {
  type EventBounds,
  type EventFilter,
  isWanted,
  listEvents,
  numberEvents,
  readEventBounds,
} from '../database/repositories/events.ts';
import { ControlPlaneError } from '../error.ts';

/** Maximum number of events in memory, for all subscribers: a subscriber that is further behind is cut off. */
const MOST_BEHIND = 5000;

/**
 * Maximum number of events that are numbered and read at once. It is less than `MOST_BEHIND`, so that one page does not
 * cut off a subscriber that has read the previous one.
 */
const PAGE = 500;

/** Maximum number of subscribers that read from the database at the same time, to resume from an old number. */
const CATCHING_UP = 4;

/** Milliseconds until the next read if no notification arrives: the connection may be lost unnoticed. */
const LOOK_EVERY = 5000;

/**
 * Thrown if a subscriber resumes from a number whose events were removed or never existed: it must first list the
 * objects again.
 */
export class EventsGoneError extends ControlPlaneError {
  readonly bounds: EventBounds;

  constructor(after: number, bounds: EventBounds) {
    super({
      what: `some events after ${after} are gone: one can resume from ${bounds.resumableFrom} to ${bounds.last}`,
      fix: `Read the lists anew, then listen after ${bounds.last}.`,
    });
    this.bounds = bounds;
  }
}

/** Thrown if a subscriber read its events too slowly and is cut off; it can resume without a loss. */
export class SlowListenerError extends ControlPlaneError {
  /** Number of the last event that it was offered, whether it matched the filter or not: it may resume from there. */
  readonly last: number;

  constructor(last: number, most: number) {
    super({
      what: `this listener is more than ${most} events behind`,
      fix: `Listen again, after ${last}.`,
    });
    this.last = last;
  }
}

/** What a subscriber requests. */
export interface ListenRequest {
  /** Number of the last event that it has seen; without it, it gets events from now on. */
  readonly after?: number | undefined;
  readonly filter?: EventFilter;
  /** Ends the subscription. */
  readonly signal: AbortSignal;
}

/** The events of a subscriber, in order. */
export interface Subscription extends AsyncIterable<FleetEvent> {
  /** Number of the last event that it was offered, whether it matched the filter or not: it may resume from there. */
  readonly position: number;
}

export interface EventFeedOptions {
  readonly database: Database;
  /** Address of the same database, for subscribing to notifications. */
  readonly address: DatabaseAddress;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** See MOST_BEHIND. */
  readonly mostBehind?: number;
}

/** Numbers events, reads them from the database once, and distributes them to any number of subscribers. */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #mostBehind: number;
  readonly #page: number;
  /** The newest events: `#floor` + 1, + 2 … `#last`. */
  #recent: FleetEvent[] = [];
  #floor = 0;
  #last = 0;
  #begun: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #waiting = new Set<() => void>();
  readonly #catchUp = pLimit(CATCHING_UP);
  #listeners = 0;
  #cutOff = 0;

  constructor(options: EventFeedOptions) {
    this.#options = options;
    this.#mostBehind = options.mostBehind ?? MOST_BEHIND;
    this.#page = Math.min(PAGE, this.#mostBehind);
  }

  /** Number of subscribers, and of those cut off since the start. */
  get counts(): { listeners: number; cutOff: number } {
    return { listeners: this.#listeners, cutOff: this.#cutOff };
  }

  /** Reads events until the signal is aborted, then ends all subscriptions. The database must be migrated. */
  async work(): Promise<void> {
    const { address, log, signal } = this.#options;
    const news = new AutoResetEvent();
    const onNews = () => news.set();
    const late = 'events are delivered late';
    await Promise.all([
      listenForNews({ address, channel: 'event_news', late, onNews, log, signal }),
      this.#lookAgainAndAgain(news),
    ]);
    this.#begun.resolve();
    this.#wakeAll();
  }

  async #lookAgainAndAgain(news: AutoResetEvent): Promise<void> {
    const { log, signal } = this.#options;
    let isBegun = false;
    for (let reported = ''; !signal.aborted; ) {
      try {
        if (!isBegun) await this.#begin();
        isBegun = true;
        await this.#look();
        reported = '';
      } catch (error) {
        const why = messageOf(error);
        if (why !== reported && !signal.aborted) log.warning(`events cannot be delivered: ${why}`);
        reported = why;
      }
      await news.wait(LOOK_EVERY, signal);
    }
  }

  /** Starts at the last event; earlier ones are read on demand. */
  async #begin(): Promise<void> {
    const { last } = await readEventBounds(this.#options.database.db);
    this.#floor = last;
    this.#last = last;
    this.#begun.resolve();
  }

  async #look(): Promise<void> {
    const { db } = this.#options.database;
    for (let isMore = true; isMore; ) {
      const numbered = await numberEvents(db, this.#page);
      const page = await listEvents(db, { after: this.#last, limit: this.#page });
      this.#add(page);
      isMore = numbered === this.#page || page.length === this.#page;
    }
  }

  #add(events: readonly FleetEvent[]): void {
    if (events.length === 0) return;
    for (const event of events) {
      if (event.id !== this.#last + 1) {
        // A restore skipped numbers: subscribers may not resume from a number before this gap.
        this.#recent = [];
        this.#floor = event.id - 1;
      }
      this.#recent.push(event);
      this.#last = event.id;
    }
    const surplus = this.#recent.length - this.#mostBehind;
    if (surplus > 0) {
      const gone = this.#recent.splice(0, surplus);
      this.#floor = gone.at(-1)!.id;
    }
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /**
   * Subscribes to events. Only the position of a subscriber is stored; it takes events when it is ready.
   * @returns the matching events in order, until the signal is aborted; throws a SlowListenerError if the subscriber
   *   falls behind, and an EventsGoneError if events are removed while it catches up
   * @throws EventsGoneError
   */
  async listen({ after, filter = {}, signal }: ListenRequest): Promise<Subscription> {
    await this.#begun.promise;
    if (after !== undefined && (after < this.#floor || after > this.#last)) {
      const bounds = await readEventBounds(this.#options.database.db);
      if (after < bounds.resumableFrom || after > bounds.last) {
        throw new EventsGoneError(after, bounds);
      }
    }
    const either = AbortSignal.any([signal, this.#options.signal]);
    const cursor = { position: after ?? this.#last };
    const events = this.#deliver(cursor, filter, either);
    return {
      [Symbol.asyncIterator]: () => events,
      get position() {
        return cursor.position;
      },
    };
  }

  /** @param cursor is moved */
  async *#deliver(
    cursor: { position: number },
    filter: EventFilter,
    signal: AbortSignal,
  ): AsyncGenerator<FleetEvent, void, void> {
    this.#listeners += 1;
    try {
      while (cursor.position < this.#floor && !signal.aborted) {
        const page = await this.#catchUp(() => this.#readPage(cursor.position));
        for (const event of page) {
          if (signal.aborted) return;
          cursor.position = event.id;
          if (isWanted(event, filter)) yield event;
        }
      }
      while (!signal.aborted) {
        if (cursor.position < this.#floor) {
          this.#cutOff += 1;
          throw new SlowListenerError(cursor.position, this.#mostBehind);
        }
        const event = this.#recent[cursor.position - this.#floor];
        if (event === undefined) {
          await this.#news(signal);
          continue;
        }
        cursor.position = event.id;
        if (isWanted(event, filter)) yield event;
      }
    } finally {
      this.#listeners -= 1;
    }
  }

  async #readPage(after: number): Promise<FleetEvent[]> {
    const { db } = this.#options.database;
    const page = await listEvents(db, { after, limit: this.#page });
    // Check after reading the page: events that were removed before the read are noticed; those removed later are in
    // the page.
    const bounds = await readEventBounds(db);
    if (after < bounds.resumableFrom) throw new EventsGoneError(after, bounds);
    return page;
  }

  async #news(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#waiting.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    // A signal that is aborted already calls no listener: without this line, the wait would last until the next event.
    if (signal.aborted) wake();
    await promise;
    signal.removeEventListener('abort', wake);
    this.#waiting.delete(wake);
  }
}
