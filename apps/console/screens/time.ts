import { requestChange, withNotices } from '../change.ts';
import { createChoiceField, createTextField, type Values } from '../kit/field.ts';
import { bold, line, type Size } from '../kit/frame.ts';
import { LIST_START, type List } from '../kit/list.ts';
import { fitColumn, wrap } from '../kit/text.ts';
import { describeServers, describeTime } from '../report/time.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { isHostAddress } from './address.ts';
import { isHostAddress6 } from './address6.ts';
import { type Body, createBody } from './body.ts';
import { type Command, drawCommands, findCommand } from './command.ts';
import { createFormScreen } from './form.ts';
import { toList } from './link-rules.ts';

const MOST_SERVERS = 8;

/** Largest length of the list of servers, in characters: enough for eight long names. */
const LONGEST = 1_000;

/** Whether this is the name or address of a time server: the rule is that of qx-time, which checks it again. */
export function isTimeServer(word: string): boolean {
  if (word.includes(':')) return isHostAddress6(word);
  if (/^[\d.]*$/.test(word)) return isHostAddress(word);
  const isName = word.length <= 253 && /^[a-zA-Z0-9][a-zA-Z0-9-]*(?:\.[a-zA-Z0-9-]+)*$/.test(word);
  return isName && /[^\d]/.test(word.slice(word.lastIndexOf('.') + 1));
}

const COMMANDS: readonly Command[] = [
  { letter: 's', text: 'Time servers', run: (state) => enter(state, serversScreen(state)) },
];

/** Creates the screen of the clock and its time servers. */
export function createTimeScreen(list: List = LIST_START): Screen {
  return {
    facts: ['time'],
    takesText: false,
    view: (state, room) => viewTime(state, list, room),
    onKey: (state, key) => {
      const chosen = findCommand(list, COMMANDS, key);
      if ('command' in chosen) return chosen.command.run(state);
      return show(state, createTimeScreen(chosen.list));
    },
  };
}

function viewTime(state: State, list: List, room: Size): Body {
  const { value, problem } = state.facts.time;
  const clock = new Date(state.now)
    .toISOString()
    .replace(/\.\d+Z/, ' UTC')
    .replace('T', ' ');
  if (value === null) return createBody('Time', 'Esc Back', [line(problem ?? '...')]);
  const sources = value.sources.map(
    ({ address, state: how }) => `  ${fitColumn(address, 40)} ${SOURCE_TEXTS[how]}`,
  );
  const shown = sources.slice(0, Math.max(room.rows - 8, 0)).map(line);
  return createBody('Time', 'Enter or letter Do it   Esc Back', [
    bold(clock),
    line(describeTime(value)),
    line(''),
    ...wrap(`Servers: ${describeServers(value)}`, room.columns).map(line),
    ...shown,
    line(''),
    ...drawCommands(list, COMMANDS, room),
  ]);
}

const SOURCE_TEXTS = {
  selected: 'sets the clock',
  answers: 'answers',
  wrong: 'disagrees with the others',
  silent: 'does not answer',
} as const;

type Name = 'who' | 'servers';

const FIELDS = [
  createChoiceField<Name>({
    name: 'who',
    label: 'Use',
    choices: [
      { value: 'default', label: 'those of DHCP, else pool.ntp.org' },
      { value: 'named', label: 'the ones below, and those of DHCP' },
      { value: 'none', label: 'only those of DHCP' },
    ],
  }),
  createTextField<Name>({
    name: 'servers',
    label: 'Servers',
    hint: 'names or addresses with commas, at most eight',
    longest: LONGEST,
    problem: serversProblem,
  }),
] as const;

function serversProblem({ who, servers }: Values<Name>): string | null {
  const words = toList(servers);
  if (who !== 'named') return null;
  const wrong = words.find((word) => !isTimeServer(word));
  if (wrong !== undefined) return `Not a name or address: ${wrong === '' ? '(nothing)' : wrong}`;
  if (words.length === 0) return 'At least one.';
  return words.length > MOST_SERVERS ? `At most ${MOST_SERVERS}.` : null;
}

function serversScreen({ facts }: State): Screen {
  const servers = facts.time.value?.servers ?? null;
  const named = servers === null ? 'default' : 'named';
  return createFormScreen<Name>(
    {
      title: 'Time servers',
      purpose: ['In a network without Internet access, name its own time servers, or none.'],
      fields: FIELDS,
      facts: ['time'],
      send: setServers,
    },
    { who: servers?.length === 0 ? 'none' : named, servers: servers?.join(', ') ?? '' },
  );
}

function setServers(state: State, { who, servers }: Values<Name>): Step {
  const word = who === 'named' ? toList(servers).join(',') : who;
  return requestChange(state, {
    title: 'Setting the time servers',
    facts: ['time'],
    leads: 'back',
    run: async (deps, signal) => {
      const notices = await deps.run({ program: 'qx-time', args: ['servers', word] }, signal);
      return withNotices('The time servers are set.', notices);
    },
  });
}
