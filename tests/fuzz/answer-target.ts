import { parseAnswer } from '../../apps/installer/answer.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const ANSWER = Buffer.from(`disk:
  model: SAMSUNG*
  min-size: 100 GiB
  pick: smallest
erase: S64GNE0R911111
keep-data: false
data: 500 GiB
configuration:
  hostname: node7
  ssh: true
  network:
    static: {IP_ADDRESS: 10.0.0.7, PREFIX: 24}
  join:
    control-plane: https://qvdc.example
    token: qxj1.SecretOfAtLeast16.${'0123456789abcdef'.repeat(4)}
report: https://qvdc.example/installed
`);

/** Answer files: an accepted one names a disk, and none of its values breaks a line of the files made from it. */
export const answer: Target = {
  name: 'answer',
  async once(random) {
    const { disk, configuration } = await parseAnswer(mutate(ANSWER, random).toString('utf8'), 'x');
    if (!(disk.serial ?? disk.wwn ?? disk.path ?? disk.model)) throw new Error('it names no disk');
    for (const [name, values] of Object.entries(configuration.network ?? {})) {
      const words = [name, ...Object.entries(values).flat()];
      if (words.some((word) => /[\r\n\0]/.test(word))) throw new Error(JSON.stringify(words));
    }
  },
};
