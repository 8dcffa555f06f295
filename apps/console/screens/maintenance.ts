import { LONGEST_REASON } from '../../guests/maintenance.ts';
import { requestChange } from '../change.ts';
import { createTextField } from '../kit/field.ts';
import { line, type Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import { getLetter } from '../kit/keys.ts';
import { plain, wrap } from '../kit/text.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, stay } from '../steps.ts';
import { type Body, createBody, explainMissing } from './body.ts';
import { createFormScreen } from './form.ts';

/** Screen with the host's maintenance. */
export const MAINTENANCE: Screen = {
  facts: ['health', 'vms'],
  takesText: false,
  view: viewMaintenance,
  onKey: onMaintenanceKey,
};

function onMaintenanceKey(state: State, key: Key): Step {
  const isOn = state.facts.health.value?.maintenance.on;
  if (isOn === false && getLetter(key) === 'b') return enter(state, reasonScreen());
  if (isOn === true && getLetter(key) === 'e') {
    return requestChange(state, {
      title: 'Ending maintenance',
      facts: ['health'],
      leads: 'stay',
      run: async (deps, signal) => {
        await deps.setMaintenance({ on: false }, signal);
        return 'Virtual machines can be started again. None is started automatically.';
      },
    });
  }
  return stay(state);
}

function reasonScreen(): Screen {
  return createFormScreen(
    {
      title: 'Maintenance mode',
      purpose: [
        'The host starts no virtual machines, not even at boot. Running ones keep running.',
      ],
      fields: [
        createTextField<'reason'>({
          name: 'reason',
          label: 'Why',
          hint: 'for other administrators; may be empty',
          problem: ({ reason }) =>
            reason.length > LONGEST_REASON ? `At most ${LONGEST_REASON} characters.` : null,
        }),
      ],
      send: (state, { reason }) =>
        requestChange(state, {
          title: 'Beginning maintenance',
          facts: ['health'],
          leads: 'back',
          run: async (deps, signal) => {
            const words = reason.trim();
            await deps.setMaintenance({ on: true, reason: words === '' ? null : words }, signal);
            return 'The host is in maintenance, until somebody ends it.';
          },
        }),
    },
    { reason: '' },
  );
}

function viewMaintenance({ facts }: State, { columns }: Size): Body {
  const title = 'Maintenance mode';
  const { value, problem } = facts.health;
  if (value === null) {
    const text = explainMissing('The agent is being asked', problem);
    return createBody(title, 'Esc Back', wrap(text, columns).map(line));
  }
  const { on, reason, since } = value.maintenance;
  const lines = on
    ? [
        'This host is in maintenance: it starts no virtual machine.',
        `Since  ${since ?? 'not known'}`,
        `Why    ${reason ?? 'no reason was given'}`,
      ]
    : ['This host starts virtual machines as usual.'];
  const vms = facts.vms.value;
  const running = vms?.libvirt.available
    ? `${vms.vms.filter(({ state }) => state === 'running').length} run now`
    : 'not known';
  return createBody(title, on ? 'e End   Esc Back' : 'b Begin   Esc Back', [
    ...lines.flatMap((text) => wrap(text, columns)).map(line),
    line(''),
    line(plain(`Virtual machines: ${running}.`)),
  ]);
}
