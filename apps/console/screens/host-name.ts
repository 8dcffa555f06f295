import { requestChange, withNotices } from '../change.ts';
import { createTextField } from '../kit/field.ts';
import type { Screen, State } from '../state.ts';
import { createFormScreen } from './form.ts';

/** Whether this is a host name of RFC 1123: the rule is that of qx-hostname, which checks it again. */
export function isHostName(name: string): boolean {
  return /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/.test(name);
}

/** Creates the form for the machine's name, filled with the present one. */
export function createHostNameScreen({ facts }: State): Screen {
  return createFormScreen<'name'>(
    {
      title: 'Host name',
      purpose: [
        'The name takes effect at once and stays after a restart. Names from DHCP are ignored.',
      ],
      fields: [
        createTextField<'name'>({
          name: 'name',
          label: 'Name',
          hint: 'letters, digits and - between them, at most 63',
          problem: ({ name }) =>
            isHostName(name) ? null : 'Letters, digits and - between them, at most 63.',
        }),
      ],
      send: (state, { name }) =>
        requestChange(state, {
          title: `Naming the machine ${name}`,
          facts: ['host', 'network'],
          leads: 'back',
          run: async (deps, signal) => {
            const notices = await deps.run({ program: 'qx-hostname', args: [name] }, signal);
            return withNotices(`This machine is ${name}.`, notices);
          },
        }),
    },
    { name: facts.host.value?.hostname ?? facts.network.value?.hostname ?? '' },
  );
}
