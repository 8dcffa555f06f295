import type { Interface, Network } from '../../api/network.ts';
import { makeMtuCommand } from '../../network/change.ts';
import { createTextField } from '../kit/field.ts';
import type { Screen } from '../state.ts';
import { createFormScreen } from './form.ts';
import { chooseDefaultKeep, keepField, toKeep } from './keep.ts';
import { isNumber } from './link-rules.ts';
import { makeChange } from './network-change.ts';

type Name = 'mtu' | 'keep';

/** Smallest and largest MTU, in bytes; IPv6 needs at least 1280. */
const LEAST = 1280;
const MOST = 9216;

/** Creates the form for an interface's MTU. */
export function createMtuScreen({ name, mtu }: Interface, network: Network): Screen {
  return createFormScreen<Name>(
    {
      title: `Network: MTU of ${name}`,
      purpose: [
        'The ports of a bridge or bond get the same MTU. Switches must allow packets of this size.',
      ],
      fields: [
        createTextField<Name>({
          name: 'mtu',
          label: 'Bytes',
          hint: `${LEAST} to ${MOST}; empty for the default`,
          problem: (values) =>
            values.mtu === '' || isNumber(values.mtu, LEAST, MOST)
              ? null
              : `A number from ${LEAST} to ${MOST}, or nothing.`,
        }),
        keepField,
      ],
      facts: ['network'],
      send: (state, values) => {
        const keep = toKeep(values.keep);
        const bytes = values.mtu === '' ? null : Number(values.mtu);
        return makeChange(state, {
          title: `Setting the MTU of ${name}`,
          name,
          command: makeMtuCommand(name, bytes, keep),
          lasting: { keep },
        });
      },
    },
    { mtu: mtu === null ? '' : String(mtu), keep: chooseDefaultKeep(network) },
  );
}
