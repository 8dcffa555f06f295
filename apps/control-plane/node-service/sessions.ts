import type { Http2Session } from 'node:http2';
import type { Authority } from '../trust/authority.ts';
import { type Caller, identifyCaller } from './caller.ts';

/** Milliseconds between two checks of the connections. */
const LOOK_EVERY = 1000;
/** Milliseconds for which a caller that has not joined may stay connected: joining takes one call. */
const UNJOINED_FOR = 30_000;
/** Milliseconds for which a node's connection may be idle. */
const IDLE_FOR = 300_000;
/** Milliseconds between two pings of a connection, and for which it may be silent afterwards. */
const PING_EVERY = 30_000;

/** Maximum number of concurrent connections of callers that have not joined; the oldest is closed for a new one. */
const MOST_UNJOINED = 200;

/** The caller of a closed connection. */
const GONE: Caller = { address: 'a caller that is gone', over: '', identity: undefined };

interface Kept {
  readonly caller: Caller;
  readonly since: number;
  /** When the last request began. */
  busyAt: number;
  streams: number;
  pingedAt: number;
  isAwaited: boolean;
}

/** The open connections. Closes dead and idle ones, and those that callers that have not joined keep open for too long. */
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
    const caller = identifyCaller(session, this.#authority);
    const kept = { caller, since: now, busyAt: now, streams: 0, pingedAt: now, isAwaited: false };
    this.#kept.set(session, kept);
    session.on('close', () => this.#kept.delete(session));
    // A broken connection is not an error here; its running requests are informed.
    session.on('error', () => undefined);
    session.on('stream', (stream) => {
      kept.busyAt = performance.now();
      kept.streams += 1;
      stream.once('close', () => {
        kept.streams -= 1;
      });
    });
    const unjoinedCallers = [...this.#kept].filter(([, one]) => one.caller.identity === undefined);
    const [oldest] = unjoinedCallers;
    if (unjoinedCallers.length > MOST_UNJOINED) oldest?.[0].destroy();
  }

  /** Returns the caller of a connection; a placeholder if it is closed. */
  callerOf(session: Http2Session): Caller {
    return this.#kept.get(session)?.caller ?? GONE;
  }

  /** Closes all connections. */
  close(): void {
    clearInterval(this.#timer);
    for (const session of this.#kept.keys()) session.destroy();
  }

  #look(): void {
    const now = performance.now();
    for (const [session, kept] of this.#kept) {
      // Its close event follows soon.
      if (session.destroyed) continue;
      const isStranger = kept.caller.identity === undefined;
      if (isStranger && now - kept.since > UNJOINED_FOR) session.destroy();
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
