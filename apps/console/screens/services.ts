import type { Service } from '../../services/state.ts';
import { requestChange } from '../change.ts';
import { confirm } from '../dialogs.ts';
import { line, type Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { drawList, getSelected, LIST_START, type List, moveInList } from '../kit/list.ts';
import { fitColumn } from '../kit/text.ts';
import { describeState, selectServices } from '../report/services.ts';
import type { Screen, State, Step } from '../state.ts';
import { show } from '../steps.ts';
import { type Body, createBody, explainMissing } from './body.ts';
import { countBodyRows } from './room.ts';

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
  const services = selectServices(state.facts.services.value ?? []);
  const chosen = getSelected(list, services);
  if (chosen !== undefined && (key.name === 'enter' || getLetter(key) === 'r')) {
    return askToRestart(state, chosen);
  }
  const size = { length: services.length, page: countBodyRows(state.size) };
  return show(state, servicesScreen(moveInList(list, key, size)));
}

function askToRestart(state: State, { name }: Service): Step {
  return confirm(state, {
    title: `Restart ${name}?`,
    text: 'Services that need it are restarted with it.',
    next: (sure) =>
      requestChange(sure, {
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
    return createBody('Services', 'Esc Back', [
      line(explainMissing('Services are being read', problem)),
    ]);
  }
  const entries = selectServices(value).map(
    (service) => `${fitColumn(service.name, 24)} ${describeState(service.state)}`,
  );
  return createBody('Services', 'Enter or r Restart   Esc Back', drawList(list, entries, room));
}
