import type { Reach } from '../../network/reach.ts';
import { bold, type Line, line, type Size } from '../kit/frame.ts';
import { getLetter } from '../kit/keys.ts';
import { wrap } from '../kit/text.ts';
import { requestFacts } from '../polling.ts';
import type { Screen, State, Step } from '../state.ts';
import { andThen, enter, stay } from '../steps.ts';
import { type Body, createBody } from './body.ts';

const WHAT: Record<Reach['what'], string> = {
  gateway: 'Gateway',
  dns: 'DNS server',
  'control-plane': 'Control plane',
};

const STATES: Record<Reach['state'], string> = {
  reached: 'reached',
  'not-reached': 'NOT REACHED',
  unknown: 'not known',
};

/** Tests the management network, and shows the results. */
export function enterReach(state: State): Step {
  return andThen(enter(state, REACH), (now) => requestFacts(now, ['reach']));
}

const REACH: Screen = {
  facts: ['reach'],
  takesText: false,
  view: viewReach,
  onKey: (state, key) => (getLetter(key) === 'r' ? requestFacts(state, ['reach']) : stay(state)),
};

function viewReach(state: State, room: Size): Body {
  const title = 'Test of the management network';
  const { value, problem } = state.facts.reach;
  // Do not show earlier results as present ones.
  if (state.asked.reach?.answered !== true) {
    return createBody(title, 'Esc Back', [
      line('Gateway, DNS servers and control plane are asked ...'),
    ]);
  }
  const why = wrap(`Not known: ${problem ?? 'why is not known'}`, room.columns).map(line);
  const lines = value === null ? why : value.flatMap((one) => reachLines(one, room.columns));
  return createBody(title, 'r Test again   Esc Back', lines);
}

function reachLines({ what, target, state, detail }: Reach, columns: number): Line[] {
  return [
    bold(`${WHAT[what]}${target === null ? '' : ` ${target}`}: ${STATES[state]}`),
    ...wrap(detail, columns - 4).map((text) => line(`    ${text}`)),
  ];
}
