import { formatCount } from '../../text/amount.ts';
import { requestChange } from '../change.ts';
import type { Deps } from '../deps.ts';
import { confirm } from '../dialogs.ts';
import { bold, line, type Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { LIST_START, type List } from '../kit/list.ts';
import { wrap } from '../kit/text.ts';
import type { Screen, State, Step } from '../state.ts';
import { show } from '../steps.ts';
import { type Body, createBody } from './body.ts';
import { type Command, drawCommands, findCommand } from './command.ts';

const COMMANDS: readonly Command[] = [
  {
    letter: 'r',
    text: 'Restart',
    run: (state) =>
      ask(state, {
        question: 'Restart the machine?',
        title: 'Restarting the machine',
        done: 'The machine is restarting.',
        go: (deps, signal) => deps.restart(signal),
      }),
  },
  {
    letter: 's',
    text: 'Shut down',
    run: (state) =>
      ask(state, {
        question: 'Shut down?',
        title: 'Shutting down',
        done: 'The machine is shutting down.',
        go: (deps, signal) => deps.powerOff(signal),
      }),
  },
];

/** Screen to restart, to shut down, and to cut a shutdown short. */
export const POWER = powerScreen(LIST_START);

function powerScreen(list: List): Screen {
  return {
    facts: ['stop', 'vms'],
    takesText: false,
    view: (state, room) => viewPower(state, list, room),
    onKey: (state, key) => onPowerKey(state, list, key),
  };
}

function onPowerKey(state: State, list: List, key: Key): Step {
  if (getLetter(key) === 'c' && waitsFor(state) !== null) return askToCutShort(state);
  const chosen = findCommand(list, COMMANDS, key);
  return 'command' in chosen ? chosen.command.run(state) : show(state, powerScreen(chosen.list));
}

interface Ending {
  question: string;
  title: string;
  done: string;
  go(deps: Deps, signal: AbortSignal): Promise<void>;
}

function ask(state: State, { question, title, done, go }: Ending): Step {
  return confirm(state, {
    title: question,
    text: consequences(state),
    next: (sure) =>
      requestChange(sure, {
        title,
        facts: [],
        leads: 'back',
        run: async (deps, signal) => {
          await go(deps, signal);
          return done;
        },
      }),
  });
}

function askToCutShort(state: State): Step {
  return confirm(state, {
    title: 'Stop waiting?',
    text: 'The power of virtual machines that still run is cut.',
    next: (sure) =>
      requestChange(sure, {
        title: 'Cutting the power of virtual machines',
        facts: ['stop'],
        leads: 'stay',
        run: async (deps, signal) => {
          await deps.cutShort(signal);
          return 'The power of the virtual machines is cut.';
        },
      }),
  });
}

/** Returns what a machine that is shutting down still waits for. */
const waitsFor = ({ facts }: State) => facts.stop.value?.waits ?? null;

/** Describes what stops when the machine stops. */
function consequences({ sources, facts }: State): string {
  if (!sources.includes('vms')) return 'Its services stop.';
  const { value } = facts.vms;
  if (value === null || !value.libvirt.available) {
    return 'Whether virtual machines are running is not known. They would be asked to shut down.';
  }
  const running = value.vms.filter(({ state }) => state === 'running').length;
  if (running === 0) return 'No virtual machine is running.';
  return `${formatCount(running, 'virtual machine')} running: asked to shut down first.`;
}

function viewPower(state: State, list: List, room: Size): Body {
  const waits = waitsFor(state);
  const down =
    waits === null
      ? []
      : [
          bold('The machine is going down.'),
          ...wrap(waits, room.columns).map(line),
          line('c  Stop waiting'),
          line(''),
        ];
  return createBody('Power', 'Enter or letter Do it   Esc Back', [
    ...down,
    ...drawCommands(list, COMMANDS, room),
    line(''),
    line('Each asks for confirmation.'),
  ]);
}
