import type { SshState } from '../../services/ssh.ts';
import type { Service } from '../../services/state.ts';
import { count, duration } from '../../text/amount.ts';

/** States in which a service is as it should be or on its way there. */
const CALM: readonly Service['state'][] = ['started', 'stopped'];

/** Runlevels whose services are done once the machine is up, or come when it goes down. */
const PASSING = ['sysinit', 'shutdown'];

/** Services that concern a person: those that belong to the running machine, and others that run. */
export function concerning(services: readonly Service[]): Service[] {
  return services.filter(
    ({ state, runlevels }) =>
      runlevels.includes('default') ||
      (state !== 'stopped' && !runlevels.some((level) => PASSING.includes(level))),
  );
}

/** How services fare: the number of those that are ready, each that is not at rest, and each that ended by itself. */
export function serviceTexts(all: readonly Service[]): string[] {
  const services = concerning(all);
  const started = services.filter(({ state }) => state === 'started').length;
  const restless = services.filter(({ state }) => !CALM.includes(state));
  const words = restless.map(({ name, state }) => `${name} ${stateText(state)}`);
  const again = services.flatMap(({ name, restarts }) =>
    restarts === 0
      ? []
      : [`${name} was started again${restarts === 1 ? '' : ` ${restarts} times`}`],
  );
  return [[`${started} ready`, ...words, ...again].join('; ')];
}

/** A service's state in words. */
export function stateText(state: Service['state']): string {
  if (state === 'started') return 'ready';
  return state === 'inactive' ? 'waiting' : state;
}

/** Whether SSH is on, and for how long: `now` in milliseconds since 1970. */
export function sshText({ state, until, enabledAtBoot }: SshState, now: number): string {
  const next = enabledAtBoot ? 'on' : 'off';
  if (state === 'off') return enabledAtBoot ? 'off, on after a restart' : 'off';
  if (until === null) return `on, ${next} after a restart`;
  const left = (until.getTime() - now) / 1000;
  return left < 60
    ? 'on, off in less than a minute'
    : `on, off in ${left < 7200 ? count(Math.floor(left / 60), 'minute') : duration(left)}`;
}
