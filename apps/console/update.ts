import { isEscape, showMessage } from './dialogs.ts';
import type { Key } from './kit/keys.ts';
import type { CommonEvent } from './kit/program.ts';
import { findEntryOfDigit, findEntryOfFunctionKey } from './menu.ts';
import { acceptFact, poll, requestFacts } from './polling.ts';
import type { Event, State, Step } from './state.ts';
import { andThen, back, stay } from './steps.ts';

/** Returns the next step of a console after an event. Outdated facts of the new screen are read. */
export function update(state: State, event: Event | CommonEvent): Step {
  return andThen(react(state, event), poll);
}

function react(state: State, event: Event | CommonEvent): Step {
  switch (event.type) {
    case 'key':
      return onKey(state, event.key);
    case 'resize':
      return stay({ ...state, size: event.size });
    case 'tick':
      return stay({ ...state, now: event.now });
    case 'fact':
      return stay(acceptFact(state, event));
    case 'network-changed': {
      const asked = requestFacts(state, ['network', 'host', 'health']);
      return { ...asked, effects: [...asked.effects, { type: 'await-network-change' }] };
    }
    case 'done':
      return andThen(event.next({ ...state, dialog: null }), (now) =>
        requestFacts(now, event.work.facts),
      );
    case 'failed':
      return andThen(requestFacts(state, event.work.facts), (now) =>
        showMessage(now, `Failed: ${event.work.title}`, event.problem),
      );
    case 'cancelled':
      // The cancelled work may have changed some of its facts: they are read again.
      return andThen(requestFacts(state, event.work.facts), (now) =>
        showMessage(now, 'Cancelled', event.work.title),
      );
    case 'nothing':
      return stay(state);
  }
}

function onKey(state: State, key: Key): Step {
  const { screen, dialog } = state;
  if (dialog === null || dialog.passing) {
    const entry =
      findEntryOfFunctionKey(key) ?? (screen.takesText ? undefined : findEntryOfDigit(key));
    if (entry !== undefined) return entry.choose({ ...state, dialog: null });
  }
  if (dialog !== null) return dialog.onKey(state, key);
  return isEscape(key) ? back(state) : screen.onKey(state, key);
}
