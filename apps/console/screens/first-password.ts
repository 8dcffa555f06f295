import { isIPv6 } from 'node:net';
import type { FirstLogIn, IssuedUser } from '../../api/users.ts';
import { requestChange } from '../change.ts';
import { bold, type Line, line, type Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import { wrap } from '../kit/text.ts';
import { formatFingerprint } from '../report/fingerprint.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, stay } from '../steps.ts';
import { type Body, createBody, explainMissing, formatRows } from './body.ts';

const TITLE = 'First password';

/** Width of the labels, in cells. */
const LABELS = 12;

/** Command that sets another password of an account later. */
const RESET = 'qx-controlplane users reset-password NAME';

/** Screen with the first administrator's password, while nobody has logged in yet. */
export const FIRST_PASSWORD: Screen = {
  facts: ['host', 'firstLogIn'],
  takesText: false,
  view: viewOffer,
  onKey: onOfferKey,
};

function viewOffer({ facts }: State, { columns }: Size): Body {
  const { value, problem } = facts.firstLogIn;
  const paragraphs = (...texts: string[]) => linesOf(texts, columns);
  if (value === null) {
    const text = explainMissing('The control plane is being asked', problem);
    return createBody(TITLE, 'Esc Back', paragraphs(text));
  }
  if (!value.open) {
    return createBody(TITLE, 'Esc Back', [
      ...paragraphs(
        'Somebody has logged in already: there is no first password any more.',
        'To replace a lost password, run this command in a shell of this machine:',
      ),
      line(''),
      ...wrap(RESET, columns).map(bold),
    ]);
  }
  return createBody(
    TITLE,
    'Enter Show it   Esc Back',
    paragraphs(
      'Nobody has logged in yet. The first administrator gets a password here. It is shown once, and has to be changed at the first log-in.',
      'Each new password replaces the one before.',
    ),
  );
}

function onOfferKey(state: State, key: Key): Step {
  if (key.name !== 'enter' || state.facts.firstLogIn.value?.open !== true) return stay(state);
  return requestChange(state, {
    title: 'Making the first password',
    facts: ['firstLogIn'],
    leads: 'stay',
    run: async (deps, signal) => {
      const issued = await deps.issueFirstPassword(signal);
      return (now) => enter(now, shownScreen(issued));
    },
  });
}

/** Creates the screen of an issued password. The password is stored in this screen only. */
function shownScreen(issued: IssuedUser): Screen {
  return {
    facts: ['host', 'firstLogIn'],
    takesText: false,
    view: (state, room) => viewShown(issued, state, room),
    onKey: stay,
  };
}

function viewShown({ username, password }: IssuedUser, { facts }: State, room: Size): Body {
  const { value, problem } = facts.firstLogIn;
  const rows = [
    { label: 'User name', text: username },
    { label: 'Password', text: password },
    {
      label: 'Address',
      text:
        value === null
          ? `not known: ${problem ?? 'the control plane is being asked ...'}`
          : addressText(value.people, facts.host.value?.managementAddress ?? null),
    },
  ];
  const lines = [
    ...formatRows(rows, room.columns, LABELS),
    line(''),
    ...linesOf(['It is not shown again, and has to be changed at the first log-in.'], room.columns),
  ];
  if (value?.people) {
    const told =
      'A browser that does not know the certificate shows its fingerprint (SHA-256). Before the password is typed there, compare it with this one:';
    lines.push(line(''), ...linesOf([told], room.columns), line(''));
    lines.push(...wrap(formatFingerprint(value.people.fingerprint), room.columns).map(bold));
  }
  return createBody(TITLE, 'Esc Back', lines);
}

/** Describes where people log in. */
function addressText(people: FirstLogIn['people'], address: string | null): string {
  if (people === null) return 'people are not served at the moment: the log says why';
  if (address === null) return 'none: this machine has no address';
  const host = isIPv6(address) ? `[${address}]` : address;
  return `https://${host}${people.port === 443 ? '' : `:${people.port}`}`;
}

/** Formats paragraphs, separated by empty lines. */
function linesOf(texts: readonly string[], columns: number): Line[] {
  return texts.flatMap((text, index) => [
    ...(index === 0 ? [] : [line('')]),
    ...wrap(text, columns).map(line),
  ]);
}
