import type { FleetEvent } from '../../api/events.ts';
import { AnswerError } from '../../http/ask.ts';
import { monotonicClock } from '../coordination/clock.ts';
import { type Asking, listEvents } from './client.ts';

/** Milliseconds between two requests. */
const ASK_EVERY = 1000;

/** Events in one answer. */
const PAGE = 500;

/** An event, or a gap: events after one number, up to another, no longer exist. */
export type Heard =
  | { readonly event: FleetEvent }
  | { readonly gap: { readonly after: number; readonly to: number } };

export interface FollowRequest {
  /** Number of the last known event; undefined follows from now on. */
  readonly after: number | undefined;
  readonly kind: string | undefined;
  readonly node: string | undefined;
  /** Called with the reason if the control plane does not answer, once for each reason; requests continue. */
  readonly onSilence: (why: string) => void;
}

/**
 * Yields events in the order of their numbers until the signal is aborted, across restarts of the control plane.
 * @throws AnswerError if the first request fails
 */
export async function* followEvents(
  { after, kind, node, onSilence }: FollowRequest,
  asking: Asking & { readonly signal: AbortSignal },
): AsyncGenerator<Heard, void, void> {
  const { signal } = asking;
  const filter = { kind, node };
  const first = await listEvents({ ...filter, limit: '1' }, asking);
  let cursor = after ?? first.last;
  for (let reported = ''; !signal.aborted; ) {
    let isMore = false;
    try {
      const asked = { ...filter, after: String(cursor), limit: String(PAGE) };
      const { events, last, resumableFrom } = await listEvents(asked, asking);
      reported = '';
      isMore = events.length === PAGE;
      for (const event of events) {
        if (cursor < resumableFrom && resumableFrom < event.id) {
          yield { gap: { after: cursor, to: resumableFrom } };
        }
        cursor = event.id;
        yield { event };
      }
      if (!isMore && cursor < resumableFrom) {
        yield { gap: { after: cursor, to: resumableFrom } };
      }
      // The number does not exist yet: it is from another control plane, or from before a restore.
      if (events.length === 0 && cursor > last) {
        yield { gap: { after: cursor, to: last } };
        cursor = last;
      }
      if (!isMore) cursor = Math.max(cursor, last);
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      if (!signal.aborted && error.message !== reported) onSilence(error.message);
      reported = error.message;
    }
    if (!isMore) await monotonicClock.sleep(ASK_EVERY, signal);
  }
}
