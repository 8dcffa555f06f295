import type { NewToken } from '../../api/fleet.ts';
import { formatUtcMinute } from '../../text/age.ts';
import { requestChange } from '../change.ts';
import { createTextField } from '../kit/field.ts';
import { bold, line, type Size } from '../kit/frame.ts';
import { wrap } from '../kit/text.ts';
import { formatFingerprint } from '../report/fingerprint.ts';
import type { Screen } from '../state.ts';
import { enter, stay } from '../steps.ts';
import { type Body, createBody } from './body.ts';
import { createFormScreen } from './form.ts';

type Name = 'hours' | 'uses' | 'description';

const HOUR = 60 * 60;

/** Creates the form for a new join token. */
export function joinTokenScreen(): Screen {
  return createFormScreen<Name>(
    {
      title: 'Join token',
      purpose: ['A host joins with a token and the address of this machine. It is shown once.'],
      fields: [
        createTextField<Name>({
          name: 'hours',
          label: 'Valid for, hours',
          hint: '',
          longest: 4,
          problem: ({ hours }) => (isNumber(hours, 8760) ? null : 'A number from 1 to 8760.'),
        }),
        createTextField<Name>({
          name: 'uses',
          label: 'Hosts',
          hint: '',
          longest: 5,
          problem: ({ uses }) => (isNumber(uses, 10_000) ? null : 'A number from 1 to 10000.'),
        }),
        createTextField<Name>({
          name: 'description',
          label: 'Description',
          hint: 'for other administrators; may be empty',
          problem: () => null,
        }),
      ],
      send: (state, { hours, uses, description }) =>
        requestChange(state, {
          title: 'Making a join token',
          facts: [],
          leads: 'back',
          run: async (deps, signal) => {
            const made = await deps.makeJoinToken(
              {
                uses: Number(uses),
                expiresInSeconds: Number(hours) * HOUR,
                description: description.trim(),
              },
              signal,
            );
            return (now) => enter(now, madeScreen(made));
          },
        }),
    },
    { hours: '1', uses: '1', description: '' },
  );
}

function isNumber(text: string, most: number): boolean {
  return /^[1-9]\d*$/.test(text) && Number(text) <= most;
}

/** Creates the screen of a new token. The token is stored in this screen only. */
function madeScreen(token: NewToken): Screen {
  return {
    facts: [],
    takesText: false,
    view: (_state, room) => viewMade(token, room),
    onKey: stay,
  };
}

function viewMade(
  { joinToken, fingerprint, expiresAt, maxUses }: NewToken,
  { columns }: Size,
): Body {
  const hosts = maxUses === 1 ? 'one host' : `${maxUses} hosts`;
  return createBody('Join token', 'Esc Back', [
    ...wrap(joinToken, columns).map(bold),
    line(''),
    ...wrap(
      `Good for ${hosts}, until ${formatUtcMinute(expiresAt)}. It is not shown again.`,
      columns,
    ).map(line),
    line(''),
    ...wrap(
      'Before a host joins it shows this fingerprint, and asks whether it is right:',
      columns,
    ).map(line),
    line(''),
    ...wrap(formatFingerprint(fingerprint), columns).map(bold),
  ]);
}
