import type { Readiness } from '../../api/readiness.ts';
import { formatAge } from '../../text/age.ts';

/** Describes the control plane's readiness and its problems. */
export function describeReadiness(readiness: Readiness): string[] {
  const { ready, version, problem, limited, schemaVersion } = readiness;
  const schema = schemaVersion === undefined ? '' : `, schema version ${schemaVersion}`;
  if (ready && limited !== undefined) {
    return [`no hosts are served yet (${version})${schema}`, limited];
  }
  if (ready) return [`ready (${version})${schema}`];
  return [`not ready (${version})${schema}`, ...(problem === undefined ? [] : [problem])];
}

/**
 * Describes the services of the control plane when they were last probed: those that answer, and each that does not.
 * `now` is in milliseconds since 1970.
 */
export function describeDatabases({ services }: Readiness, now: number): string[] {
  const asked = services.flatMap(({ askedAt }) =>
    askedAt === undefined ? [] : [Date.parse(askedAt)],
  );
  const when = asked.length === 0 ? '' : ` (${formatAge(Math.min(...asked), now)})`;
  const names = (state: string) =>
    services.flatMap((service) => (service.state === state ? [service.name] : [])).join(', ');
  const texts = [
    names('ok') === '' ? '' : `${names('ok')} ready`,
    names('unknown') === '' ? '' : `${names('unknown')} not asked yet`,
  ].filter((text) => text !== '');
  const failed = services.filter(({ state }) => state === 'failed');
  return [
    `${texts.join('; ')}${when}`.trim(),
    ...failed.map(({ name, problem }) => `${name} does not answer: ${problem}`),
  ].filter((text) => text !== '');
}

/** Describes whether the control plane's data survives a restart. */
export function describePersistence({ persistent }: Readiness): string {
  if (persistent === undefined) return 'not known';
  return persistent ? 'on a disk' : 'in memory: all data is lost at a restart (no data disk)';
}

/** Describes open alerts about the control plane itself. */
export function describeAlerts({ alerts }: Readiness): string[] {
  return alerts.map(
    ({ severity, title, message }) =>
      `${severity.toLowerCase()}: ${title}${message === '' ? '' : `. ${message}`}`,
  );
}
