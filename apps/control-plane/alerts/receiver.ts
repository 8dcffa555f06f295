import { readFile } from 'node:fs/promises';
import type { FleetEvent } from '../../api/events.ts';
import { messageOf } from '../../error.ts';
import type { Config } from '../config.ts';

/** A receiver, by the configuration. */
export type WebhookSettings = Config['alerts']['webhooks'][number];
export type SyslogSettings = Config['alerts']['syslog'][number];

/** Something outside that is told of alerts. */
export interface AlertReceiver {
  /** Name by the configuration. */
  readonly name: string;
  /** Severities of the alerts that it is told of. */
  readonly severities: ReadonlySet<string>;
  /**
   * Tells it one event of an alert. The same event may be told again, where it is not known whether it arrived.
   * @throws Error saying why it did not arrive, as far as that can be known
   */
  deliver(event: FleetEvent, signal: AbortSignal): Promise<void>;
}

/** What an event of an alert says of it; see `write_alert_events` of migration 11. */
export interface AlertNews {
  readonly severity: string;
  readonly message: string;
  readonly sourceType: string;
  readonly sourceId: string | null;
  readonly sourceName: string;
  readonly acknowledgedBy: string | null;
}

/** Reads what an event of an alert says. */
export function newsOf({ data }: FleetEvent): AlertNews {
  const text = (name: string) => {
    const value = data[name];
    return typeof value === 'string' ? value : null;
  };
  return {
    severity: text('severity') ?? '',
    message: text('message') ?? '',
    sourceType: text('sourceType') ?? '',
    sourceId: text('sourceId'),
    sourceName: text('sourceName') ?? '',
    acknowledgedBy: text('acknowledgedBy'),
  };
}

/**
 * Reads the certificates that a receiver's has to go back to; anew with each delivery, as somebody may replace them.
 * @param file undefined: those that Node knows
 * @throws Error naming the file
 */
export async function readAuthority(file: string | undefined): Promise<{ ca?: string }> {
  if (file === undefined) return {};
  try {
    return { ca: await readFile(file, 'utf8') };
  } catch (cause) {
    throw new Error(`its certificates cannot be read: ${messageOf(cause)}`, { cause });
  }
}
