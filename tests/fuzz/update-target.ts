import { parseBootedFrom } from '../../apps/update/installation.ts';
import { decodeNote, encodeNote } from '../../apps/update/progress-note.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const note = { sha256: 'ab'.repeat(32), done: 123_456_789 };
const bytes = encodeNote(note);
const parameters = Buffer.from(
  'quiet quantix.slot=b quantix.medium=PARTUUID=0f1e2d3c-1111-2222-3333-444455556666',
);

/** Notes about the progress of writing an image, and kernel parameters of an installed system. */
export const update: Target = {
  name: 'update',
  once(random) {
    const read = decodeNote(mutate(bytes, random));
    if (read !== null && JSON.stringify(read) !== JSON.stringify(note)) {
      throw new Error('it is not what was noted');
    }
    const booted = parseBootedFrom(mutate(parameters, random).toString('latin1'));
    if (booted !== null && !/^[0-9a-f-]{36}$/.test(booted.partition)) throw new Error('no GUID');
  },
};
