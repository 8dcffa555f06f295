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

/** Events that are kept in memory, for all listeners: how far one may be behind before it is cut off. */
const MOST_BEHIND = 5000;

/** Events that are numbered and read at once, at most; a page leaves nobody behind who has taken the one before. */
const PAGE = 500;

/** Listeners that read from the database at the same time, because they come back with an old number. */
const CATCHING_UP = 4;

/** Milliseconds between two looks where nothing was told: the connection that listens may be lost without a word. */
const LOOK_EVERY = 5000;

/** A listener wants to resume where events are gone, or never were: it has to start from a list. */
export class EventsGoneError extends ControlPlaneError {
  readonly bounds: EventBounds;

  constructor(after: number, bounds: EventBounds) {
    super({
      what: `events after ${after} are not all there: one can resume from ${bounds.resumableFrom} to ${bounds.last}`,
      fix: `Read the lists anew, then listen after ${bounds.last}.`,
    });
    this.bounds = bounds;
  }
}

/** A listener took its events too slowly, and is told no more; nothing is lost. */
export class SlowListenerError extends ControlPlaneError {
  /** Number of the last event that it was offered, wanted or not: it may come back with it. */
  readonly last: number;

  constructor(last: number, most: number) {
    super({
      what: `this listener is more than ${most} events behind`,
      fix: `Listen again, after ${last}.`,
    });
    this.last = last;
  }
}

/** What a listener wants. */
export interface ListenRequest {
  /** Number of the last event that it has seen; without it, it hears what happens from now on. */
  readonly after?: number | undefined;
  readonly filter?: EventFilter;
  /** Ends it. */
  readonly signal: AbortSignal;
}

export interface EventFeedOptions {
  readonly database: Database;
  /** The same database, for listening to it. */
  readonly address: DatabaseAddress;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** See MOST_BEHIND. */
  readonly mostBehind?: number;
}

/** Numbers events, and tells them to any number of listeners, from one reader of the database. */
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

  /** How many listen, and how many were cut off since the start. */
  get counts(): { listeners: number; cutOff: number } {
    return { listeners: this.#listeners, cutOff: this.#cutOff };
  }

  /** Reads until the signal, and then ends all listeners. The database has to be migrated. */
  async work(): Promise<void> {
    const { address, log, signal } = this.#options;
    const news = new AutoResetEvent();
    const onNews = () => news.set();
    const late = 'events are told late';
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
    for (let told = ''; !signal.aborted; ) {
      try {
        if (!isBegun) await this.#begin();
        isBegun = true;
        await this.#look();
        told = '';
      } catch (error) {
        const why = messageOf(error);
        if (why !== told && !signal.aborted) log.warning(`events cannot be told: ${why}`);
        told = why;
      }
      await news.wait(LOOK_EVERY, signal);
    }
  }

  /** What was numbered before the first look is read by those who ask for it. */
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
        // A restore left numbers out: nobody goes on from before.
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
   * Begins to listen. Of a listener nothing is kept but how far it is; it takes events when it is ready for them.
   * @returns the wanted events in their order, until the signal; it throws a SlowListenerError where the listener falls behind,
   *   and an EventsGoneError where events go while it catches up
   * @throws EventsGoneError
   */
  async listen({ after, filter = {}, signal }: ListenRequest): Promise<AsyncIterable<FleetEvent>> {
    await this.#begun.promise;
    if (after !== undefined && (after < this.#floor || after > this.#last)) {
      const bounds = await readEventBounds(this.#options.database.db);
      if (after < bounds.resumableFrom || after > bounds.last) {
        throw new EventsGoneError(after, bounds);
      }
    }
    const either = AbortSignal.any([signal, this.#options.signal]);
    return this.#tell(after ?? this.#last, filter, either);
  }

  async *#tell(
    after: number,
    filter: EventFilter,
    signal: AbortSignal,
  ): AsyncGenerator<FleetEvent, void, void> {
    this.#listeners += 1;
    try {
      let cursor = after;
      while (cursor < this.#floor && !signal.aborted) {
        const page = await this.#catchUp(() => this.#readPage(cursor));
        for (const event of page) {
          if (signal.aborted) return;
          cursor = event.id;
          if (isWanted(event, filter)) yield event;
        }
      }
      while (!signal.aborted) {
        if (cursor < this.#floor) {
          this.#cutOff += 1;
          throw new SlowListenerError(cursor, this.#mostBehind);
        }
        const event = this.#recent[cursor - this.#floor];
        if (event === undefined) {
          await this.#news(signal);
          continue;
        }
        cursor = event.id;
        if (isWanted(event, filter)) yield event;
      }
    } finally {
      this.#listeners -= 1;
    }
  }

  async #readPage(after: number): Promise<FleetEvent[]> {
    const { db } = this.#options.database;
    const page = await listEvents(db, { after, limit: this.#page });
    // After the page: what went meanwhile is noticed, and what goes from now on is in it.
    const bounds = await readEventBounds(db);
    if (after < bounds.resumableFrom) throw new EventsGoneError(after, bounds);
    return page;
  }

  async #news(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#waiting.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    // Aborted by now, it would wait for the next event.
    if (signal.aborted) wake();
    await promise;
    signal.removeEventListener('abort', wake);
    this.#waiting.delete(wake);
  }
}
