import { parseJoinToken } from '../../agent/configuration/join-token.ts';
import { parseOrigin } from '../../agent/configuration/origin.ts';
import { messageOf } from '../../error.ts';
import { requestChange } from '../change.ts';
import type { Invitation } from '../deps.ts';
import { confirm, runWork, showMessage } from '../dialogs.ts';
import { createTextField } from '../kit/field.ts';
import { line, type Size } from '../kit/frame.ts';
import { getLetter } from '../kit/keys.ts';
import { wrap } from '../kit/text.ts';
import { describeControlPlane } from '../report/agent.ts';
import { formatFingerprint } from '../report/fingerprint.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, stay } from '../steps.ts';
import { type Body, createBody, explainMissing } from './body.ts';
import { createFormScreen } from './form.ts';
import { createSticksScreen } from './sticks.ts';

type Name = 'address' | 'token';

/** Milliseconds for reading a file from a stick. */
const READ_LIMIT = 60_000;
/** Length of the longest token, in characters. */
const LONGEST_TOKEN = 200;

/** Screen with the host's connection to its control plane. */
export const CONTROL_PLANE: Screen = {
  facts: ['health'],
  takesText: false,
  view: viewControlPlane,
  onKey: (state, key) => {
    switch (getLetter(key)) {
      case 'j':
        return enter(state, joinScreen());
      case 't':
        return enter(state, INVITATION_STICKS);
      case 'l':
        return askToLeave(state, 'notifying');
      case 'f':
        return askToLeave(state, 'forced');
      default:
        return stay(state);
    }
  },
};

function viewControlPlane({ facts }: State, { columns }: Size): Body {
  const { value, problem } = facts.health;
  const missing = explainMissing('The agent is being asked', problem);
  const texts = value === null ? [missing] : describeControlPlane(value);
  const lines = texts.flatMap((text) => wrap(text, columns)).map(line);
  return createBody(
    'Control plane',
    'j Join   t Token on a stick   l Leave   f Force leaving   Esc Back',
    [
      ...lines,
      line(''),
      ...wrap('Joining another control plane replaces the present one.', columns).map(line),
    ],
  );
}

/**
 * Asks before the host leaves its control plane.
 * @param how whether to notify the control plane, which is impossible if it no longer exists
 */
function askToLeave(state: State, how: 'notifying' | 'forced'): Step {
  const address = state.facts.health.value?.controlPlane.address ?? null;
  if (address === null) return showMessage(state, 'Nothing to leave', 'No control plane is known.');
  const forced =
    how === 'forced' ? ' The control plane is not notified, and still lists this host.' : '';
  return confirm(state, {
    title: `Leave ${address}?`,
    text: `Virtual machines and settings of this host stay. To join again, it needs a new token.${forced}`,
    next: (sure) =>
      requestChange(sure, {
        title: `Leaving ${address}`,
        facts: ['health'],
        leads: 'stay',
        run: (deps) => deps.leaveControlPlane(how === 'forced'),
      }),
  });
}

function joinScreen(): Screen {
  return createFormScreen<Name>(
    {
      title: 'Join a control plane',
      purpose: ['Each host needs a token. The control plane makes it.'],
      fields: [
        createTextField<Name>({
          name: 'address',
          label: 'Address',
          hint: 'such as https://qvdc.example',
          problem: ({ address }) => complaintOf(() => parseOrigin(address)),
        }),
        createTextField<Name>({
          name: 'token',
          label: 'Token',
          hint: 'qxj1.SECRET.FINGERPRINT',
          longest: LONGEST_TOKEN,
          problem: ({ token }) => complaintOf(() => parseJoinToken(token)),
        }),
      ],
      send: (state, invitation) => compare(state, invitation),
    },
    { address: 'https://', token: '' },
  );
}

/** Returns a parser's complaint about a value, without its advice, for which a form has no space. */
function complaintOf(parse: () => unknown): string | null {
  try {
    parse();
    return null;
  } catch (error) {
    return messageOf(error).replace(/[.:].*$/, '.');
  }
}

/** Asks whether the token's fingerprint is the one that the control plane shows; then joins. */
function compare(state: State, { address, token }: Invitation): Step {
  return confirm(state, {
    title: `Is this the fingerprint that ${address} shows?`,
    text: `${formatFingerprint(parseJoinToken(token).fingerprint)} If it shows a different one, the token is from somebody else.`,
    next: (sure) =>
      requestChange(sure, {
        title: `Joining ${address}`,
        facts: ['health'],
        leads: 'back',
        run: (deps) => deps.joinControlPlane({ address, token }),
      }),
  });
}

const INVITATION_STICKS = createSticksScreen({
  title: 'Join with a token on a stick',
  above: (_state, columns) => [
    ...wrap('On the stick is a file quantix-join.yaml with the lines', columns).map(line),
    line('  controlPlane: https://qvdc.example'),
    line('  joinToken: qxj1.SECRET.FINGERPRINT'),
  ],
  enter: 'Read',
  choose: (state, { path }) =>
    runWork(state, {
      title: `Reading ${path}`,
      limit: READ_LIMIT,
      facts: [],
      run: async (deps, signal) => {
        const invitation = await deps.readInvitation(path, signal);
        return (now) => compare(now, invitation);
      },
    }),
});
