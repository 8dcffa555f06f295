import type { Service } from '../../services/state.ts';
import { request } from '../change.ts';
import { confirm } from '../dialogs.ts';
import { line, type Size } from '../kit/frame.ts';
import { type Key, letter } from '../kit/keys.ts';
import { LIST_START, type List, moveInList, selectedOf, viewList } from '../kit/list.ts';
import { column } from '../kit/text.ts';
import { concerning, stateText } from '../report/services.ts';
import type { Screen, State, Step } from '../state.ts';
import { show } from '../steps.ts';
import { type Body, body, missingText } from './body.ts';
import { bodyRows } from './room.ts';

/** Screen with the services, the first one selected. */
export const SERVICES = servicesScreen(LIST_START);

function servicesScreen(list: List): Screen {
  return {
    facts: ['services'],
    takesText: false,
    view: (state, room) => viewServices(state, list, room),
    onKey: (state, key) => onServicesKey(state, list, key),
  };
}

function onServicesKey(state: State, list: List, key: Key): Step {
  const services = concerning(state.facts.services.value ?? []);
  const chosen = selectedOf(list, services);
  if (chosen !== undefined && (key.name === 'enter' || letter(key) === 'r')) {
    return askToRestart(state, chosen);
  }
  const size = { length: services.length, page: bodyRows(state.size) };
  return show(state, servicesScreen(moveInList(list, key, size)));
}

function askToRestart(state: State, { name }: Service): Step {
  return confirm(state, {
    title: `Restart ${name}?`,
    text: 'Services that need it are restarted with it.',
    next: (sure) =>
      request(sure, {
        title: `Restarting ${name}`,
        facts: ['services'],
        leads: 'stay',
        run: async (deps, signal) => {
          await deps.restartService(name, signal);
          return `${name} was restarted.`;
        },
      }),
  });
}

function viewServices(state: State, list: List, room: Size): Body {
  const { value, problem } = state.facts.services;
  if (value === null) {
    return body('Services', 'Esc Back', [line(missingText('Services are being read', problem))]);
  }
  const entries = concerning(value).map(
    (service) => `${column(service.name, 24)} ${stateText(service.state)}`,
  );
  return body('Services', 'Enter or r Restart   Esc Back', viewList(list, entries, room));
}
