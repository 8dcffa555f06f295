import type { Deps } from './deps.ts';
import { Effects } from './effects.ts';
import { FACT_NAMES, FACTS } from './facts.ts';
import type { Program } from './kit/program.ts';
import { poll } from './polling.ts';
import { STATUS } from './screens/status.ts';
import type { Effect, Event, State } from './state.ts';
import { update } from './update.ts';
import { drawConsole } from './view.ts';

/** Milliseconds between ticks while nothing is animated. */
const TICK = 5_000;

/** Creates the console of an appliance, for `runProgram`. */
export function createConsoleProgram(product: string, deps: Deps): Program<State, Event, Effect> {
  const effects = new Effects(deps);
  const sources = FACT_NAMES.filter((name) => deps.facts[name] !== undefined);
  return {
    start: (size, now) => {
      const started = poll({
        product,
        size,
        now,
        sources,
        facts: FACTS,
        asked: {},
        screen: STATUS,
        below: [],
        dialog: null,
        exitStatus: null,
      });
      return { ...started, effects: [...started.effects, { type: 'await-network-change' }] };
    },
    update,
    view: drawConsole,
    canWait: ({ type }) => type === 'fact',
    carryOut: (effect, signal) => effects.carryOut(effect, signal),
    tickAfter: ({ dialog }) => dialog?.moves ?? TICK,
    exitStatus: (state) => state.exitStatus,
  };
}
