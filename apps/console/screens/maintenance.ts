import { LONGEST_REASON } from '../../guests/maintenance.ts';
import { request } from '../change.ts';
import { textField } from '../kit/field.ts';
import { line, type Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import { letter } from '../kit/keys.ts';
import { plain, wrap } from '../kit/text.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, stay } from '../steps.ts';
import { type Body, body, missingText } from './body.ts';
import { formScreen } from './form.ts';

/** Screen with the host's maintenance. */
export const MAINTENANCE: Screen = {
  facts: ['health', 'vms'],
  takesText: false,
  view: viewMaintenance,
  onKey: onMaintenanceKey,
};

function onMaintenanceKey(state: State, key: Key): Step {
  const isOn = state.facts.health.value?.maintenance.on;
  if (isOn === false && letter(key) === 'b') return enter(state, reasonScreen());
  if (isOn === true && letter(key) === 'e') {
    return request(state, {
      title: 'Ending maintenance',
      facts: ['health'],
      leads: 'stay',
      run: async (deps, signal) => {
        await deps.setMaintenance({ on: false }, signal);
        return 'Virtual machines can be started again; none is by this.';
      },
    });
  }
  return stay(state);
}

function reasonScreen(): Screen {
  return formScreen(
    {
      title: 'Maintenance mode',
      purpose: ['The host starts no virtual machine, at a boot neither. What runs goes on.'],
      fields: [
        textField<'reason'>({
          name: 'reason',
          label: 'Why',
          hint: 'for others who look; may be empty',
          problem: ({ reason }) =>
            reason.length > LONGEST_REASON ? `At most ${LONGEST_REASON} characters.` : null,
        }),
      ],
      send: (state, { reason }) =>
        request(state, {
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
    const text = missingText('The agent is being asked', problem);
    return body(title, 'Esc Back', wrap(text, columns).map(line));
  }
  const { on, reason, since } = value.maintenance;
  const lines = on
    ? [
        'This host is in maintenance: it starts no virtual machine.',
        `Since  ${since ?? 'not known'}`,
        `Why    ${reason ?? 'nobody said'}`,
      ]
    : ['This host starts virtual machines as usual.'];
  const vms = facts.vms.value;
  const running = vms?.libvirt.available
    ? `${vms.vms.filter(({ state }) => state === 'running').length} run now`
    : 'not known';
  return body(title, on ? 'e End   Esc Back' : 'b Begin   Esc Back', [
    ...lines.flatMap((text) => wrap(text, columns)).map(line),
    line(''),
    line(plain(`Virtual machines: ${running}.`)),
  ]);
}
