import type { Service, Ssh } from '../deps.ts';
import { count, duration } from './amount.ts';

/** States in which a service is as it should be or on its way there. */
const CALM: readonly Service['state'][] = ['started', 'stopped'];

/** How services fare: the number of those that are ready, and each that is not at rest. */
export function serviceTexts(services: readonly Service[]): string[] {
  const started = services.filter(({ state }) => state === 'started').length;
  const restless = services.filter(({ state }) => !CALM.includes(state));
  const words = restless.map(({ name, state }) => `${name} ${stateText(state)}`);
  return [`${started} ready${words.length === 0 ? '' : `; ${words.join(', ')}`}`];
}

/** A service's state in words. */
export function stateText(state: Service['state']): string {
  if (state === 'started') return 'ready';
  return state === 'inactive' ? 'waiting' : state;
}

/** Whether SSH is on, and for how long: `now` in milliseconds since 1970. */
export function sshText({ state, until, enabled_at_boot }: Ssh, now: number): string {
  const next = enabled_at_boot ? 'on' : 'off';
  if (state === 'off') return enabled_at_boot ? 'off, on after a restart' : 'off';
  if (until === null) return `on, ${next} after a restart`;
  const left = until - now / 1000;
  return left < 60
    ? 'on, off in less than a minute'
    : `on, off in ${left < 7200 ? count(Math.floor(left / 60), 'minute') : duration(left)}`;
}
