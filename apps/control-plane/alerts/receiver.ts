import { readFile } from 'node:fs/promises';
import type { FleetEvent } from '../../api/events.ts';
import { messageOf } from '../../error.ts';
import type { Config } from '../config.ts';

/** Settings of a receiver in the configuration. */
export type WebhookSettings = Config['alerts']['webhooks'][number];
export type SyslogSettings = Config['alerts']['syslog'][number];

/** An outside system that receives alerts. */
export interface AlertReceiver {
  /** Its name in the configuration. */
  readonly name: string;
  /** Severities of the alerts that it receives. */
  readonly severities: ReadonlySet<string>;
  /**
   * Delivers one event of an alert. If it is unknown whether an event arrived, it is delivered again.
   * @throws Error with the reason if the event did not arrive, or may not have arrived
   */
  deliver(event: FleetEvent, signal: AbortSignal): Promise<void>;
}

/** Data of an alert event; see `write_alert_events` of migration 11. */
export interface AlertNews {
  readonly severity: string;
  readonly message: string;
  readonly sourceType: string;
  readonly sourceId: string | null;
  readonly sourceName: string;
  readonly acknowledgedBy: string | null;
}

/** Reads the data of an alert event. */
export function readAlertEvent({ data }: FleetEvent): AlertNews {
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
 * Reads the certificates that a receiver's certificate chain must end in; read for each delivery, because the file may
 * be replaced.
 * @param file undefined: use the certificates that Node trusts
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
