import type { Deps, FactName } from './deps.ts';
import { Effects } from './effects.ts';
import { UNREAD_FACTS } from './facts.ts';
import type { Program } from './kit/program.ts';
import { poll } from './polling.ts';
import { STATUS } from './screens/back.ts';
import type { Effect, Event, State } from './state.ts';
import { update } from './update.ts';
import { view } from './view.ts';

/** Milliseconds between ticks, and while something is shown as being done. */
const TICK = 5_000;
const SPIN = 250;

/** Names of facts that some appliance has. */
const FACTS: readonly FactName[] = [
  'host',
  'network',
  'services',
  'ssh',
  'health',
  'readiness',
  'vms',
  'pools',
  'stop',
];

/** The console of an appliance, for `runProgram`. */
export function consoleProgram(product: string, deps: Deps): Program<State, Event, Effect> {
  const effects = new Effects(deps);
  const sources = FACTS.filter((name) => deps.facts[name] !== undefined);
  return {
    start: (size, now) => {
      const started = poll({
        product,
        size,
        now,
        sources,
        facts: UNREAD_FACTS,
        asked: {},
        screen: STATUS,
        dialog: null,
        exitStatus: null,
      });
      return { ...started, effects: [...started.effects, { type: 'await-network-change' }] };
    },
    update,
    view,
    carryOut: (effect, signal) => effects.carryOut(effect, signal),
    tickAfter: ({ dialog }) => (dialog?.name === 'working' ? SPIN : TICK),
    exitStatus: (state) => state.exitStatus,
  };
}
