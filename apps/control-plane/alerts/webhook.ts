import { createHmac } from 'node:crypto';
import { request } from 'node:https';
import type { FleetEvent } from '../../api/events.ts';
import {
  type AlertReceiver,
  readAlertEvent,
  readAuthority,
  type WebhookSettings,
} from './receiver.ts';

/** Milliseconds that an answer may take by default. */
const ANSWER_WITHIN = 10_000;

/**
 * Creates a receiver that posts JSON, signed as in Standard Webhooks (https://www.standardwebhooks.com, version 1):
 * HMAC-SHA256 over id, time in seconds and body. A delivery succeeds only if a status from 200 to 299 arrives in time.
 */
export function createWebhookReceiver(
  settings: WebhookSettings,
  answerWithin = ANSWER_WITHIN,
): AlertReceiver {
  const { name, url, authority } = settings;
  const key = Buffer.from(settings.secret.replace(/^whsec_/, ''), 'base64');
  return {
    name,
    severities: new Set(settings.severities),
    deliver: async (event, signal) => {
      const body = webhookBody(event);
      const id = `alert_event_${event.id}`;
      const seconds = Math.floor(Date.now() / 1000);
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'qx-controlplane',
        'webhook-id': id,
        'webhook-timestamp': String(seconds),
        'webhook-signature': signWebhook({ key, id, seconds, body }),
      };
      const limited = AbortSignal.any([signal, AbortSignal.timeout(answerWithin)]);
      const status = await post({
        ...{ url, headers, body, signal: limited },
        ...(await readAuthority(authority)),
      });
      if (status < 200 || status > 299) throw new Error(`${new URL(url).host} answers ${status}`);
    },
  };
}

/** Signs a message. @param seconds since 1970 @returns `v1,` and the signature in base64 */
export function signWebhook({
  key,
  id,
  seconds,
  body,
}: {
  key: Uint8Array;
  id: string;
  seconds: number;
  body: string;
}): string {
  const signed = createHmac('sha256', key).update(`${id}.${seconds}.${body}`);
  return `v1,${signed.digest('base64')}`;
}

function webhookBody(event: FleetEvent): string {
  const { severity, message, sourceType, sourceId, sourceName, acknowledgedBy } =
    readAlertEvent(event);
  return JSON.stringify({
    type: event.kind,
    timestamp: event.happenedAt,
    data: {
      event: event.id,
      alert: event.subject.id,
      title: event.subject.name,
      ...{ severity, message, acknowledgedBy },
      source: { type: sourceType, id: sourceId, name: sourceName },
    },
  });
}

interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string;
  readonly ca?: string;
  readonly signal: AbortSignal;
}

/** Posts a body. @returns the status of the response, whose body is not read */
async function post({ url, body, ...given }: Post): Promise<number> {
  const { signal } = given;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  // Open a new connection each time: a reused one may have been lost unnoticed.
  const sent = request(url, { method: 'POST', agent: false, ...given });
  sent.once('response', (response) => {
    resolve(response.statusCode ?? 0);
    response.destroy();
  });
  sent.on('error', (error) => {
    const isLate = signal.aborted && error.name === 'AbortError';
    reject(isLate ? new Error(`${new URL(url).host} does not answer`) : error);
  });
  sent.end(body);
  return await promise;
}
