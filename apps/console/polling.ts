import { FACTS, type FactName, updateFact } from './facts.ts';
import type { Effect, Event, State, Step } from './state.ts';

/**
 * Between two reads, at least this many times the duration of the last read must pass: an overloaded machine is asked
 * less often.
 */
const REST = 5;

/** Reads the facts of the present screen that are outdated. */
export function poll(state: State): Step {
  return requestFacts(
    state,
    state.screen.facts.filter((name) => isDue(state, name)),
  );
}

/** Reads facts independent of their age, because something has changed them. */
export function requestFacts(state: State, names: readonly FactName[]): Step {
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

/** Updates a fact, unless there has been a newer request for it. */
export function acceptFact(
  state: State,
  { fact, turn, took }: Extract<Event, { type: 'fact' }>,
): State {
  const asked = state.asked[fact.name];
  if (asked?.turn !== turn) return state;
  const answered = { ...asked, answered: true, took, known: asked.at };
  return {
    ...state,
    facts: updateFact(state.facts, fact),
    asked: { ...state.asked, [fact.name]: answered },
  };
}

function isDue(state: State, name: FactName): boolean {
  if (!state.sources.includes(name)) return false;
  const asked = state.asked[name];
  if (asked === undefined) return true;
  const rest = Math.max(FACTS[name].age, asked.took * REST);
  const age = state.now - asked.at;
  // A tick may come a little early. If the clock was set back, the age is not known.
  return asked.answered && (age >= rest - 500 || age < 0);
}
