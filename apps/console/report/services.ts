import type { SshState } from '../../services/ssh.ts';
import type { Service } from '../../services/state.ts';
import { formatCount, formatDuration } from '../../text/amount.ts';

/** States of a service that need no attention. */
const CALM: readonly Service['state'][] = ['started', 'stopped'];

/** Runlevels whose services run only while the machine boots or shuts down. */
const TRANSIENT = ['sysinit', 'shutdown'];

/**
 * Selects the services to show: those of the runlevel `default`, and others that are not stopped and are in no runlevel
 * of `TRANSIENT`.
 */
export function selectServices(services: readonly Service[]): Service[] {
  return services.filter(
    ({ state, runlevels }) =>
      runlevels.includes('default') ||
      (state !== 'stopped' && !runlevels.some((level) => TRANSIENT.includes(level))),
  );
}

/**
 * Describes services: the number of ready services, those that are neither started nor stopped, and those that have
 * restarted by themselves.
 */
export function describeServices(all: readonly Service[]): string[] {
  const services = selectServices(all);
  const started = services.filter(({ state }) => state === 'started').length;
  const restless = services.filter(({ state }) => !CALM.includes(state));
  const words = restless.map(({ name, state }) => `${name} ${describeState(state)}`);
  const again = services.flatMap(({ name, restarts }) =>
    restarts === 0
      ? []
      : [`${name} was started again${restarts === 1 ? '' : ` ${restarts} times`}`],
  );
  return [[`${started} ready`, ...words, ...again].join('; ')];
}

/** Describes a service's state. */
export function describeState(state: Service['state']): string {
  if (state === 'started') return 'ready';
  return state === 'inactive' ? 'waiting' : state;
}

/** Describes whether SSH is on, and for how long. `now` is in milliseconds since 1970. */
export function describeSsh({ state, until, enabledAtBoot }: SshState, now: number): string {
  const next = enabledAtBoot ? 'on' : 'off';
  if (state === 'off') return enabledAtBoot ? 'off, on after a restart' : 'off';
  if (until === null) return `on, ${next} after a restart`;
  const left = (until.getTime() - now) / 1000;
  return left < 60
    ? 'on, off in less than a minute'
    : `on, off in ${left < 7200 ? formatCount(Math.floor(left / 60), 'minute') : formatDuration(left)}`;
}
