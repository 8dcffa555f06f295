import type { FactName } from './deps.ts';
import { type FactRead, learn } from './facts.ts';
import type { Effect, ScreenName, State } from './state.ts';

/** Milliseconds after which a fact on the screen is read again. */
const AGES: Record<FactName, number> = {
  stop: 1_000,
  host: 5_000,
  health: 5_000,
  readiness: 5_000,
  vms: 5_000,
  services: 5_000,
  pools: 15_000,
  ssh: 30_000,
  // It is read at once when it changes.
  network: 60_000,
};

/** Facts that a screen shows. */
const SHOWN: Record<ScreenName, readonly FactName[]> = {
  status: ['stop', 'host', 'network', 'health', 'readiness', 'vms', 'pools', 'services', 'ssh'],
  network: ['network'],
  static: ['network'],
  dhcp: ['network'],
  wifi: ['network'],
  join: ['network'],
  ssh: ['ssh', 'network'],
  'ssh-minutes': [],
  services: ['services'],
  logs: [],
  password: [],
  power: ['stop', 'vms'],
};

/** Milliseconds between two looks at a log that is followed. */
export const LOG_AGE = 5_000;

/** A state whose facts are asked for again where they are old, and what asks for them. */
export function poll(state: State): { state: State; effects: Effect[] } {
  const due = SHOWN[state.screen.name].filter((name) => isDue(state, name));
  return ask(state, due);
}

/** Asks for facts however old they are, for something has changed them. */
export function ask(state: State, names: readonly FactName[]): { state: State; effects: Effect[] } {
  const asked = { ...state.asked };
  const effects: Effect[] = [];
  for (const name of names.filter((one) => state.sources.includes(one))) {
    const turn = (asked[name]?.turn ?? 0) + 1;
    asked[name] = { at: state.now, turn, answered: false };
    effects.push({ type: 'read', name, turn });
  }
  return { state: { ...state, asked }, effects };
}

/** Takes an answer, unless the fact was asked for again since. */
export function onFact(state: State, fact: FactRead, turn: number): State {
  const asked = state.asked[fact.name];
  if (asked?.turn !== turn) return state;
  return {
    ...state,
    facts: learn(state.facts, fact),
    asked: { ...state.asked, [fact.name]: { ...asked, answered: true } },
  };
}

function isDue(state: State, name: FactName): boolean {
  if (!state.sources.includes(name)) return false;
  const asked = state.asked[name];
  if (asked === undefined) return true;
  // A tick may come a little before its time.
  return asked.answered && state.now - asked.at >= AGES[name] - 500;
}
