import { runWork } from '../dialogs.ts';
import { line } from '../kit/frame.ts';
import { wrap } from '../kit/text.ts';
import { enter } from '../steps.ts';
import { createFoundKeysScreen } from './found-keys.ts';
import { createSticksScreen } from './sticks.ts';

/** Milliseconds that reading keys from a stick may take. */
const LIMIT = 60_000;

/** Screen with sticks that may contain keys. */
export const KEY_STICKS = createSticksScreen({
  title: 'SSH: keys from a stick',
  above: (_state, columns) =>
    wrap(
      'Keys are looked for in the top folder of a stick: in authorized_keys, and in files called *.pub.',
      columns,
    ).map(line),
  enter: 'Look for keys',
  choose: (state, { path }) =>
    runWork(state, {
      title: `Looking for keys on ${path}`,
      limit: LIMIT,
      facts: ['sticks'],
      run: async (deps, signal) => {
        const keys = await deps.stickKeys(path, signal);
        return (now) => enter(now, createFoundKeysScreen(path, keys));
      },
    }),
});
