import type { Action } from '../actions.ts';
import { bold, line, type Size } from '../kit/frame.ts';
import { type Key, letter } from '../kit/keys.ts';
import { moveInList, viewList } from '../kit/list.ts';
import { wrap } from '../kit/text.ts';
import { count } from '../report/amount.ts';
import type { ScreenOf, State } from '../state.ts';
import { confirm, type Step, show } from '../steps.ts';
import { type Body, body } from './body.ts';

const COMMANDS: readonly { command: string; text: string; title: string; action: Action }[] = [
  { command: 'r', text: 'r  Restart', title: 'Restart the machine?', action: { type: 'restart' } },
  { command: 's', text: 's  Shut down', title: 'Shut down?', action: { type: 'power-off' } },
];

export function onPowerKey(state: State, screen: ScreenOf<'power'>, key: Key): Step {
  if (letter(key) === 'c' && waitsFor(state) !== null) {
    const text = 'Virtual machines that still run lose their power.';
    return confirm(state, { title: 'Wait no longer?', action: { type: 'cut-short' }, text });
  }
  const chosen =
    key.name === 'enter'
      ? COMMANDS[screen.list.selected]
      : COMMANDS.find(({ command }) => command === letter(key));
  if (chosen !== undefined) {
    const { title, action } = chosen;
    return confirm(state, { title, action, text: consequences(state) });
  }
  const size = { length: COMMANDS.length, page: COMMANDS.length };
  return show(state, { ...screen, list: moveInList(screen.list, key, size) });
}

/** What a machine that goes down already still waits for. */
const waitsFor = ({ facts }: State) => facts.stop.value?.waits ?? null;

/** What ends with the machine. */
function consequences({ sources, facts }: State): string {
  if (!sources.includes('vms')) return 'Its services stop.';
  const { value } = facts.vms;
  if (value === null || !value.libvirt.available) {
    return 'Whether virtual machines are running is not known. They would be asked to shut down.';
  }
  const running = value.vms.filter(({ state }) => state === 'running').length;
  if (running === 0) return 'No virtual machine is running.';
  return `${count(running, 'virtual machine')} running: asked to shut down first.`;
}

export function viewPower(state: State, screen: ScreenOf<'power'>, room: Size): Body {
  const waits = waitsFor(state);
  const down =
    waits === null
      ? []
      : [
          bold('The machine is going down.'),
          ...wrap(waits, room.columns).map(line),
          line('c  Wait no longer'),
          line(''),
        ];
  return body('Power', 'Enter or letter Do it   Esc Back', [
    ...down,
    ...viewList(
      screen.list,
      COMMANDS.map(({ text }) => text),
      { ...room, rows: COMMANDS.length },
    ),
    line(''),
    line('Each is asked for once more.'),
  ]);
}
