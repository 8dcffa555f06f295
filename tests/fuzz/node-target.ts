import { withPrograms } from '../../build/sea/inject.ts';
import { smallNode } from '../unit/sea/small-node.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const BLOB = Buffer.from('programs');

/** A Node into which programs are injected: the result contains them, whatever the file contained. */
export const node: Target = {
  name: 'node',
  once(random) {
    const made = withPrograms(mutate(smallNode(), random), BLOB, 'node');
    if (!made.includes(BLOB)) throw new Error('the programs are not in it');
  },
};
