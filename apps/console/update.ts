import { escapes, tell } from './dialogs.ts';
import type { Key } from './kit/keys.ts';
import type { Happening } from './kit/program.ts';
import { entryOfDigit, entryOfFunctionKey } from './menu.ts';
import { ask, onFact, poll } from './polling.ts';
import type { Event, State, Step } from './state.ts';
import { andThen, back, stay } from './steps.ts';

/** Returns the next step of a console after an event. Outdated facts of the new screen are read. */
export function update(state: State, event: Event | Happening): Step {
  return andThen(react(state, event), poll);
}

function react(state: State, event: Event | Happening): Step {
  switch (event.type) {
    case 'key':
      return onKey(state, event.key);
    case 'resize':
      return stay({ ...state, size: event.size });
    case 'tick':
      return stay({ ...state, now: event.now });
    case 'fact':
      return stay(onFact(state, event));
    case 'network-changed': {
      const asked = ask(state, ['network', 'host', 'health']);
      return { ...asked, effects: [...asked.effects, { type: 'await-network-change' }] };
    }
    case 'done':
      return andThen(event.next({ ...state, dialog: null }), (now) => ask(now, event.work.facts));
    case 'failed':
      return andThen(ask(state, event.work.facts), (now) =>
        tell(now, `Failed: ${event.work.title}`, event.problem),
      );
    case 'cancelled':
      // The cancelled work may have changed some of its facts: they are read again.
      return andThen(ask(state, event.work.facts), (now) =>
        tell(now, 'Cancelled', event.work.title),
      );
    case 'nothing':
      return stay(state);
  }
}

function onKey(state: State, key: Key): Step {
  const { screen, dialog } = state;
  if (dialog === null || dialog.passing) {
    const entry = entryOfFunctionKey(key) ?? (screen.takesText ? undefined : entryOfDigit(key));
    if (entry !== undefined) return entry.choose({ ...state, dialog: null });
  }
  if (dialog !== null) return dialog.onKey(state, key);
  return escapes(key) ? back(state) : screen.onKey(state, key);
}
