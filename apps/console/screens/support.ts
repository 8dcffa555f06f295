import { requestChange } from '../change.ts';
import { line } from '../kit/frame.ts';
import { plain, wrap } from '../kit/text.ts';
import { createSticksScreen } from './sticks.ts';

/** Screen with sticks for a support bundle. */
export const SUPPORT = createSticksScreen({
  title: 'Support bundle',
  facts: ['host'],
  above: ({ facts }, columns) => {
    const address = facts.host.value?.managementAddress ?? 'ADDRESS';
    const purpose = [
      'Logs, versions, state and configuration of this machine, without secrets, in one file for',
      'troubleshooting. Write it to a stick, or copy it over SSH:',
    ].join(' ');
    return [
      ...wrap(purpose, columns).map(line),
      line(plain(`  ssh root@${address} qx-support write >bundle.tar.gz`)),
    ];
  },
  enter: 'Write to the stick',
  choose: (state, { path }) =>
    requestChange(state, {
      title: `Writing the support bundle to ${path}`,
      facts: ['sticks'],
      leads: 'stay',
      run: (deps, signal) => deps.writeSupport(path, signal),
    }),
});
