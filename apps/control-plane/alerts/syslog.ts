import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { FleetEvent } from '../../api/events.ts';
import { makePrintable } from '../../text/printable.ts';
import {
  type AlertReceiver,
  readAlertEvent,
  readAuthority,
  type SyslogSettings,
} from './receiver.ts';

/** Milliseconds within which the server must close the connection, and for which a refusal of a datagram is awaited. */
const CLOSED_WITHIN = 10_000;
const REFUSED_WITHIN = 200;

/** Facility "daemon" and the severities of RFC 5424, 6.2.1. */
const FACILITY = 3;
const SEVERITIES: Readonly<Record<string, number>> = { CRITICAL: 2, WARNING: 4, INFO: 6 };
const NOTICE = 5;

/** Longest text in bytes: the length that every receiver should accept (RFC 5424, 6.1), less the header. */
const LONGEST_TEXT = 1800;

const WORDS: Readonly<Record<string, string>> = {
  'alert.raised': 'raised',
  'alert.changed': 'changed',
  'alert.acknowledged': 'acknowledged',
  'alert.cleared': 'cleared',
};

/**
 * Creates a receiver that sends RFC 5424 messages: each as a datagram (RFC 5426), or on a new connection with the
 * length before the message (RFC 6587, 3.4.1; RFC 5425 for TLS). On a connection, a message counts as delivered if the
 * server closes the connection, without a reset, after this side has closed it. For a datagram, only a refusal is
 * noticed.
 */
export function createSyslogReceiver(
  settings: SyslogSettings,
  closedWithin = CLOSED_WITHIN,
): AlertReceiver {
  const { name, transport } = settings;
  return {
    name,
    severities: new Set(settings.severities),
    deliver: async (event, signal) => {
      const message = Buffer.from(formatSyslogMessage(event, hostname()));
      if (transport === 'udp') await sendDatagram(settings, message);
      else await sendStream(settings, message, { closedWithin, signal });
    },
  };
}

/** Formats an event as a syslog message. @param host name of this machine */
export function formatSyslogMessage(event: FleetEvent, host: string): string {
  const { severity, message, sourceType, sourceName, acknowledgedBy } = readAlertEvent(event);
  const isNews = event.kind === 'alert.raised' || event.kind === 'alert.changed';
  const priority = FACILITY * 8 + (isNews ? (SEVERITIES[severity] ?? NOTICE) : NOTICE);
  const named = host.replaceAll(/[^\x21-\x7e]/g, '').slice(0, 255);
  const header = `<${priority}>1 ${event.happenedAt} ${named === '' ? '-' : named} qx-controlplane ${process.pid} ${event.kind} -`;
  const source = `${sourceType} ${sourceName}`.trim();
  const by = acknowledgedBy === null ? '' : ` by ${acknowledgedBy}`;
  const more = message === '' ? '' : `: ${message}`;
  const text = `${WORDS[event.kind] ?? event.kind}${by}, ${severity}: ${event.subject.name} (${source})${more} [alert ${event.subject.id}, event ${event.id}]`;
  // The byte order mark marks the text as UTF-8.
  return `${header} \uFEFF${cut(makePrintable(text))}`;
}

/** Cuts a text to the longest length, without splitting a character. */
function cut(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= LONGEST_TEXT) return text;
  return new TextDecoder().decode(bytes.subarray(0, LONGEST_TEXT)).replace(/\uFFFD$/, '');
}

async function sendDatagram({ host, port }: SyslogSettings, message: Buffer): Promise<void> {
  const { address, family } = await lookup(host);
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  const { promise: failed, reject } = Promise.withResolvers<never>();
  socket.on('error', reject);
  try {
    // Not as the callback of connect(): that is called on failure, too.
    socket.once('connect', () =>
      socket.send(message, (error) => {
        if (error !== null) reject(error);
      }),
    );
    socket.connect(port, address);
    await Promise.race([failed, pause(REFUSED_WITHIN)]);
  } finally {
    socket.close();
  }
}

async function sendStream(
  { host, port, transport, authority }: SyslogSettings,
  message: Buffer,
  { closedWithin, signal }: { closedWithin: number; signal: AbortSignal },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket: Socket =
    transport === 'tcp'
      ? connectTcp({ host, port })
      : connectTls({
          ...{ host, port },
          ...(isIP(host) === 0 ? { servername: host } : {}),
          ...(await readAuthority(authority)),
        });
  const stop = () => reject(new Error('it was told to end'));
  signal.addEventListener('abort', stop, { once: true });
  const late = () => reject(new Error(`${host}, port ${port}, does not answer`));
  const limit = setTimeout(late, closedWithin);
  socket.on('error', reject);
  // A server that has read everything closes the connection after this side has closed it. A server that has not read
  // everything resets the connection, or closes it earlier.
  socket.on('end', () => {
    if (socket.writableFinished) resolve();
    else reject(new Error(`${host}, port ${port}, ends the connection before it has the message`));
  });
  socket.resume();
  socket.once(transport === 'tcp' ? 'connect' : 'secureConnect', () => {
    socket.end(Buffer.concat([Buffer.from(`${message.length} `), message]));
  });
  try {
    if (signal.aborted) stop();
    await promise;
  } finally {
    clearTimeout(limit);
    signal.removeEventListener('abort', stop);
    socket.destroy();
  }
}
