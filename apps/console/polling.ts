import { FACTS, type FactName, learn } from './facts.ts';
import type { Effect, Event, State, Step } from './state.ts';

/**
 * From one question to the next pass at least so many times what the answer took: a machine that is too busy to answer has
 * better things to do than to be asked.
 */
const REST = 5;

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
    const took = before?.took ?? 0;
    asked[name] = { at: state.now, turn, answered: false, took, known: before?.known };
    effects.push({ type: 'read', name, turn });
  }
  return { state: { ...state, asked }, effects };
}

/** Takes an answer, unless the fact was asked for again since. */
export function onFact(
  state: State,
  { fact, turn, took }: Extract<Event, { type: 'fact' }>,
): State {
  const asked = state.asked[fact.name];
  if (asked?.turn !== turn) return state;
  const answered = { ...asked, answered: true, took, known: asked.at };
  return {
    ...state,
    facts: learn(state.facts, fact),
    asked: { ...state.asked, [fact.name]: answered },
  };
}

function isDue(state: State, name: FactName): boolean {
  if (!state.sources.includes(name)) return false;
  const asked = state.asked[name];
  if (asked === undefined) return true;
  const rest = Math.max(FACTS[name].age, asked.took * REST);
  // A tick may come a little before its time.
  return asked.answered && state.now - asked.at >= rest - 500;
}
