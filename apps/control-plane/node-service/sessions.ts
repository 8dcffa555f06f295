import type { Http2Session } from 'node:http2';
import type { Authority } from '../trust/authority.ts';
import { type Caller, callerOf } from './caller.ts';

/** Milliseconds. */
const LOOK_EVERY = 5000;
/** How long a connection may live whose caller is no node: joining takes one call. */
const STRANGERS_FOR = 30_000;
/** How long a node's connection may carry nothing. */
const IDLE_FOR = 300_000;
/** How often a connection is asked whether it lives, and how long it may be silent after that. */
const PING_EVERY = 30_000;

/** How many strangers may be connected at once; the oldest gives way. */
const MOST_STRANGERS = 200;

/** Who is at the other end of a connection that is closed. */
const GONE: Caller = { address: 'a caller that is gone', identity: undefined };

interface Kept {
  readonly caller: Caller;
  readonly since: number;
  /** When a request began last. */
  busyAt: number;
  streams: number;
  pingedAt: number;
  isAwaited: boolean;
}

/** The connections that are open: those that are dead, idle, or a stranger's for too long are closed. */
export class Sessions {
  readonly #authority: Authority;
  readonly #kept = new Map<Http2Session, Kept>();
  readonly #timer: NodeJS.Timeout;

  constructor(authority: Authority) {
    this.#authority = authority;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY);
    this.#timer.unref();
  }

  add(session: Http2Session): void {
    const now = performance.now();
    const caller = callerOf(session, this.#authority);
    const kept = { caller, since: now, busyAt: now, streams: 0, pingedAt: now, isAwaited: false };
    this.#kept.set(session, kept);
    session.on('close', () => this.#kept.delete(session));
    // A connection that breaks is no error of ours; what was under way on it hears of it.
    session.on('error', () => undefined);
    session.on('stream', (stream) => {
      kept.busyAt = performance.now();
      kept.streams += 1;
      stream.once('close', () => {
        kept.streams -= 1;
      });
    });
    const strangers = [...this.#kept].filter(([, one]) => one.caller.identity === undefined);
    const [oldest] = strangers;
    if (strangers.length > MOST_STRANGERS) oldest?.[0].destroy();
  }

  /** Who is at the other end; of one that is closed nobody. */
  callerOf(session: Http2Session): Caller {
    return this.#kept.get(session)?.caller ?? GONE;
  }

  /** Closes all. */
  close(): void {
    clearInterval(this.#timer);
    for (const session of this.#kept.keys()) session.destroy();
  }

  #look(): void {
    const now = performance.now();
    for (const [session, kept] of this.#kept) {
      // It is told of a moment later.
      if (session.destroyed) continue;
      const isStranger = kept.caller.identity === undefined;
      if (isStranger && now - kept.since > STRANGERS_FOR) session.destroy();
      else if (kept.streams === 0 && now - kept.busyAt > IDLE_FOR) session.close();
      else if (now - kept.pingedAt > PING_EVERY) ask(session, kept, now);
    }
  }
}

function ask(session: Http2Session, kept: Kept, now: number): void {
  if (kept.isAwaited) {
    session.destroy();
    return;
  }
  kept.pingedAt = now;
  kept.isAwaited = session.ping((error) => {
    if (error === null) kept.isAwaited = false;
  });
}
