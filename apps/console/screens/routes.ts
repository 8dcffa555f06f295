import type { Interface, Network } from '../../api/network.ts';
import { makeRoutesCommand } from '../../network/change.ts';
import { createTextField } from '../kit/field.ts';
import type { Screen } from '../state.ts';
import { createFormScreen } from './form.ts';
import { chooseDefaultKeep, keepField, toKeep } from './keep.ts';
import { isRoute, toList } from './link-rules.ts';
import { makeChange } from './network-change.ts';

type Name = 'routes' | 'keep';

/** Longest list in characters: about forty routes. */
const LONGEST = 2_000;

/** Creates the form for an interface's static routes. */
export function createRoutesScreen({ name, routes }: Interface, network: Network): Screen {
  return createFormScreen<Name>(
    {
      title: `Network: routes of ${name}`,
      purpose: [
        'Networks behind another gateway than the default one. This list replaces the present routes.',
      ],
      fields: [
        createTextField<Name>({
          name: 'routes',
          label: 'Routes',
          hint: '10.9.0.0/16 via 10.0.0.254, with commas, or nothing',
          longest: LONGEST,
          problem: (values) => {
            const wrong = toList(values.routes).find((route) => !isRoute(route));
            return wrong === undefined ? null : `Not SUBNET/PREFIX via GATEWAY: ${wrong}`;
          },
        }),
        keepField,
      ],
      facts: ['network'],
      send: (state, values) => {
        const keep = toKeep(values.keep);
        return makeChange(state, {
          title: `Setting the routes of ${name}`,
          name,
          command: makeRoutesCommand(name, toList(values.routes), keep),
          lasting: { keep },
        });
      },
    },
    { routes: routes.join(', '), keep: chooseDefaultKeep(network) },
  );
}
