import { FACTS, type FactName, type FactRead, learn } from './facts.ts';
import type { Effect, State, Step } from './state.ts';

/** A state whose facts are asked for again where they are old and shown, and what asks for them. */
export function poll(state: State): Step {
  return ask(
    state,
    state.screen.facts.filter((name) => isDue(state, name)),
  );
}

/** Asks for facts however old they are, for something has changed them. */
export function ask(state: State, names: readonly FactName[]): Step {
  const asked = { ...state.asked };
  const effects: Effect[] = [];
  for (const name of names.filter((one) => state.sources.includes(one))) {
    const before = asked[name];
    const turn = (before?.turn ?? 0) + 1;
    asked[name] = { at: state.now, turn, answered: false, known: before?.known };
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
    asked: { ...state.asked, [fact.name]: { ...asked, answered: true, known: asked.at } },
  };
}

function isDue(state: State, name: FactName): boolean {
  if (!state.sources.includes(name)) return false;
  const asked = state.asked[name];
  if (asked === undefined) return true;
  // A tick may come a little before its time.
  return asked.answered && state.now - asked.at >= FACTS[name].age - 500;
}
