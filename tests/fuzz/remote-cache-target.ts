import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import { openEntry, sealEntry } from '../../build/remote-cache/entry.ts';
import { ActionResultSchema } from '../../build/remote-cache/proto/gen/remote_execution_pb.js';
import { planStep } from '../../build/step/step.ts';
import { newPair } from '../unit/release/releases.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const { secret, trusted } = newPair();
const step = planStep('squashfs', { epoch: 1 });
const outputs = [
  { name: 'system.squashfs', size: 70_000_000, sha256: 'ab'.repeat(32), executable: false },
  { name: 'qx', size: 1, sha256: 'cd'.repeat(32), executable: true },
];
const good = sealEntry(step, { seconds: 4.5, outputs }, secret);

/** Entries of a remote cache: however a server changes them, only signed content is accepted. */
export const remoteCache: Target = {
  name: 'remote-cache',
  once(random) {
    const action = fromBinary(ActionResultSchema, good);
    const [note] = action.executionMetadata?.auxiliaryMetadata ?? [];
    if (note === undefined || action.executionMetadata === undefined) throw new Error('no note');
    const layer = random.below(3);
    if (layer === 1) note.value = mutate(note.value, random);
    if (layer === 2) {
      const value = mutate(note.value.subarray(3), random).toString('latin1');
      const changed = anyPack(StringValueSchema, create(StringValueSchema, { value }));
      action.executionMetadata.auxiliaryMetadata = [changed];
    }
    const bytes = toBinary(ActionResultSchema, action);
    const read = openEntry(layer === 0 ? mutate(bytes, random) : bytes, {
      step,
      trusted: [trusted],
      where: 'fuzz',
    });
    if (JSON.stringify(read.outputs) !== JSON.stringify(outputs) || read.seconds !== 4.5) {
      throw new Error('it is not what was signed');
    }
  },
};
