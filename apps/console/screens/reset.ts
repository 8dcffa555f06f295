import { requestChange } from '../change.ts';
import { showMessage } from '../dialogs.ts';
import { createChoiceField, createTextField } from '../kit/field.ts';
import type { State, Step } from '../state.ts';
import { enter } from '../steps.ts';
import { createFormScreen } from './form.ts';

type Name = 'data' | 'name';

/** Opens the form for a factory reset, in which the machine's own name must be typed. */
export function enterReset(state: State): Step {
  const name = state.facts.host.value?.hostname ?? state.facts.network.value?.hostname;
  if (name === undefined) {
    return showMessage(state, 'Not now', 'The name of this machine is not known yet.');
  }
  return enter(state, resetScreen(name, state.sources.includes('readiness')));
}

/** @param isControlPlane whether hosts trust a certificate authority of this machine */
function resetScreen(hostname: string, isControlPlane: boolean) {
  return createFormScreen<Name>(
    {
      title: 'Factory reset',
      purpose: [
        'The machine restarts with factory settings: no address, no host name, no password, no SSH key, no control plane, no storage pool. Pools on separate disks keep their data.',
        'On the data disk are virtual machines with their disks, or the databases of a control plane.',
        ...(isControlPlane
          ? [
              'The certificate authority is removed, too: hosts have to join again, unless /quantix/vdc/ca.pem is put back from a copy or a backup.',
            ]
          : []),
      ],
      fields: [
        createChoiceField<Name>({
          name: 'data',
          label: 'Data disk',
          choices: [
            { value: 'keep', label: 'stays as it is' },
            { value: 'remove', label: 'ALL OF IT IS REMOVED' },
          ],
        }),
        createTextField<Name>({
          name: 'name',
          label: 'Name of this machine',
          hint: 'typed, to make sure',
          problem: ({ name }) => (name === hostname ? null : `It is called ${hostname}.`),
        }),
      ],
      send: (state, { name, data }) =>
        requestChange(state, {
          title: 'Resetting this machine',
          facts: [],
          leads: 'back',
          run: async (deps, signal) => {
            const message = await deps.reset({ name, data: data === 'remove' }, signal);
            return `${message} The machine is restarting.`;
          },
        }),
    },
    { data: 'keep', name: '' },
  );
}
