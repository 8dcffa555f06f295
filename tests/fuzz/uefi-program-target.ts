import { signProgram } from '../../build/secure-boot/authenticode.ts';
import type { OwnerKey } from '../../build/secure-boot/owner-key.ts';
import { sequence } from '../../build/secure-boot/signed-data.ts';
import { newPair } from '../unit/release/releases.ts';
import { uefiProgram } from '../unit/secure-boot/uefi-program.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const owner: OwnerKey = {
  ...{ certificate: sequence(), issuer: sequence(), serial: sequence(), since: 0 },
  key: newPair().trusted.key,
  sign: async () => Buffer.alloc(256, 1),
};
const signed = await signProgram(uefiProgram(), owner, 'fuzz');
/** Bytes of the headers. Half of the runs change only these: most other changes do not matter to a reader of them. */
const HEADERS = 0x140;

/** UEFI programs: signing changes only the fields and the table of the signatures, which is at the end and can be extended. */
export const uefiProgramTarget: Target = {
  name: 'uefi-program',
  async once(random) {
    const original = random.pick([uefiProgram(), uefiProgram(1024), signed]);
    const program =
      random.below(2) === 0
        ? mutate(original, random)
        : Buffer.concat([
            mutate(original.subarray(0, HEADERS), random),
            original.subarray(HEADERS),
          ]);
    const once = await signProgram(program, owner, 'fuzz');
    const entry = program.readUInt32LE(0x3c) + 168;
    const kept = Buffer.from(once.subarray(0, program.length));
    program.copy(kept, entry, entry, entry + 8);
    if (!kept.equals(program)) throw new Error('it is not the program that was given');
    const twice = await signProgram(once, owner, 'fuzz');
    const [at, length] = [once.readUInt32LE(entry), once.readUInt32LE(entry + 4)];
    if (at + length !== once.length || twice.readUInt32LE(entry) !== at) {
      throw new Error('its signatures are not its end');
    }
    if (!twice.subarray(at, at + length).equals(once.subarray(at))) {
      throw new Error('a signature that was there is another one');
    }
  },
};
