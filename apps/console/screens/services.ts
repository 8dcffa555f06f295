import { line, type Size } from '../kit/frame.ts';
import { type Key, letter } from '../kit/keys.ts';
import { moveInList, selectedOf, viewList } from '../kit/list.ts';
import { column } from '../kit/text.ts';
import { concerning, stateText } from '../report/services.ts';
import type { ScreenOf, State } from '../state.ts';
import { confirm, type Step, show } from '../steps.ts';
import { type Body, body } from './body.ts';
import { bodyRows } from './room.ts';

export function onServicesKey(state: State, screen: ScreenOf<'services'>, key: Key): Step {
  const services = concerning(state.facts.services.value ?? []);
  const chosen = selectedOf(screen.list, services);
  if (chosen !== undefined && (key.name === 'enter' || letter(key) === 'r')) {
    return confirm(state, {
      title: `Restart ${chosen.name}?`,
      text: 'Services that need it are restarted with it.',
      action: { type: 'restart-service', service: chosen.name },
    });
  }
  const size = { length: services.length, page: bodyRows(state.size) };
  return show(state, { ...screen, list: moveInList(screen.list, key, size) });
}

export function viewServices(state: State, screen: ScreenOf<'services'>, room: Size): Body {
  const { value, problem } = state.facts.services;
  if (value === null) {
    return body('Services', 'Esc Back', [line(problem ?? 'Services are being looked at ...')]);
  }
  const entries = concerning(value).map(
    (service) => `${column(service.name, 24)} ${stateText(service.state)}`,
  );
  return body('Services', 'Enter or r Restart   Esc Back', viewList(screen.list, entries, room));
}
