import type { FleetAlerts } from '../../api/alerts.ts';
import type { AuditFinding, AuditVerdict, FleetAuditEntry } from '../../api/audit.ts';
import type { FleetEvent, FleetEvents } from '../../api/events.ts';
import { formatMoment } from '../../text/age.ts';
import { makePrintable } from '../../text/printable.ts';
import { formatTable } from './describe.ts';

/** Characters of an id in a list. */
const SHORT_ID = 8;

/** Longest text of details in a list. */
const LONGEST = 100;

/** Formats events as a table. Here and in the functions below, `now` is in milliseconds since 1970. */
export function formatEventsTable({ events }: FleetEvents, now: number): string {
  if (events.length === 0) return 'There is no such event.\n';
  return formatTable([
    ['EVENT', 'WHEN', 'KIND', 'WHAT', ''],
    ...events.map(({ id, happenedAt, kind, subject, data }) => [
      ...[String(id), formatMoment(Date.parse(happenedAt), now), kind],
      ...[subject.name === '' ? subject.id : subject.name, detailsText(data)],
    ]),
  ]);
}

/** Formats an event as one line, with its time in UTC. */
export function formatEventLine({ id, happenedAt, kind, subject, data }: FleetEvent): string {
  const parts = [String(id), happenedAt, kind, subject.name === '' ? subject.id : subject.name];
  return `${makePrintable([...parts, detailsText(data)].join('  ').trimEnd())}\n`;
}

/** Formats a gap as one line: events after the number `after`, up to the number `to`, are missing; see `Heard`. */
export function formatGapLine({
  after,
  to,
}: {
  readonly after: number;
  readonly to: number;
}): string {
  if (to < after) return `There is no event ${after} yet: continuing after ${to}.\n`;
  return `Some events after ${after}, up to ${to}, no longer exist: read the lists again.\n`;
}

/** Formats details in one line: simple values with their names. */
function detailsText(data: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(data).flatMap(([name, value]) =>
    value === null || value === '' || typeof value === 'object' ? [] : [`${name} ${String(value)}`],
  );
  const text = parts.join(', ');
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}

export function formatAlerts({ alerts, more, receivers }: FleetAlerts, now: number): string {
  const list =
    alerts.length === 0
      ? 'There is no such alert.\n'
      : formatTable([
          ['ID', 'SEVERITY', 'RAISED', 'WHAT', 'STATE', ''],
          ...alerts.map((alert) => [
            ...[
              alert.id.slice(0, SHORT_ID),
              alert.severity,
              formatMoment(Date.parse(alert.raisedAt), now),
            ],
            `${alert.title}: ${alert.source.name}`,
            ...[describeAlertState(alert, now), alert.message],
          ]),
        ]);
  const rest = more ? 'There are older ones.\n' : '';
  if (receivers.length === 0) return `${list}${rest}`;
  const delivery = formatTable([
    ['RECEIVER', 'DELIVERED', 'WAITING', 'LOST', ''],
    ...receivers.map(({ name, deliveredAt, waiting, lost, problem, failingSince }) => [
      ...[name, deliveredAt === null ? 'never' : formatMoment(Date.parse(deliveredAt), now)],
      ...[String(waiting), String(lost)],
      failingSince === null
        ? 'ok'
        : `since ${formatMoment(Date.parse(failingSince), now)}: ${problem}`,
    ]),
  ]);
  return `${list}${rest}\n${delivery}`;
}

/** Describes whether an alert is cleared, acknowledged or open. */
export function describeAlertState(
  { clearedAt, acknowledgedBy }: FleetAlerts['alerts'][number],
  now: number,
): string {
  if (clearedAt !== null) return `cleared ${formatMoment(Date.parse(clearedAt), now)}`;
  return acknowledgedBy === null ? 'open' : `seen by ${acknowledgedBy}`;
}

export function formatAuditTable(
  entries: readonly FleetAuditEntry[],
  more: boolean,
  now: number,
): string {
  if (entries.length === 0) return 'There is no such entry.\n';
  const list = formatTable([
    ['ENTRY', 'WHEN', 'WHO', 'FROM', 'WHAT', 'OF', 'RESULT'],
    ...entries.map(({ sequence, at, username, address, action, resource, result }) => [
      ...[String(sequence), formatMoment(Date.parse(at), now), username, address ?? '-', action],
      ...[resource.name ?? resource.id ?? '-', result],
    ]),
  ]);
  return more ? `${list}There are more: --before or --after ENTRY goes on.\n` : list;
}

export function formatVerdict({ entries, anchor, head, findings }: AuditVerdict): string {
  const old =
    anchor.sequence === 0 ? '' : `Entries 1 to ${anchor.sequence} were removed for their age.\n`;
  const note = `${old}head ${head.sequence}:${head.hash}\n`;
  if (findings.length === 0) {
    return `The audit log is whole: ${entries} entries.\n${note}`;
  }
  return `${findings.map((finding) => `${makePrintable(findingText(finding))}\n`).join('')}${note}`;
}

function findingText({ what, from, to }: AuditFinding): string {
  const which = from === to ? `entry ${from}` : `entries ${from} to ${to}`;
  const are = from === to ? 'was' : 'were';
  switch (what) {
    case 'changed':
      return `${which} ${are} changed`;
    case 'removed':
      return `${which} ${are} removed`;
    case 'inserted':
      return `${which} ${are} put in`;
    case 'unlinked':
      return `${which} does not follow the one before it: that one was replaced, or one between was removed`;
  }
}
