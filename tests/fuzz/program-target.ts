import { parseRecord } from '../../apps/agent/deployment/record.ts';
import { seal } from '../../build/release/envelope.ts';
import { readPublicKey } from '../../build/release/keys.ts';
import { PROGRAM_TYPE, splitHead, verifyProgram } from '../../build/release/program.ts';
import { agentFile, KEYS } from '../unit/apps/agent/deployment/host.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const pem = KEYS.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const trusted = [readPublicKey(pem, 'fuzz', 'fuzz.pem')];
const file = agentFile();
const { head } = splitHead(file) ?? { head: file };
const good = verifyProgram(head, trusted, 'fuzz').program;
const payload = Buffer.from(JSON.stringify(good));
const record = Buffer.from(
  JSON.stringify({
    format: 1,
    image: '0123456789abcdef',
    active: { id: 'a'.repeat(64), version: '1.2.3', serial: 1, floor: 0, since: good.issued },
    trial: { left: 1, within: 60, boot: 'b', start: 1.5, before: { connected: true, problems: 0 } },
    previous: null,
    floor: 0,
    takenBack: null,
  }),
);

/** Headers of program files, changed before or after they are signed, and the record of deployed agents. */
export const program: Target = {
  name: 'program',
  once(random) {
    const layer = random.below(3);
    if (layer === 0) {
      const found = splitHead(mutate(file, random));
      if (found === undefined) return;
      const read = verifyProgram(found.head, trusted, 'fuzz').program;
      if (JSON.stringify(read) !== JSON.stringify(good))
        throw new Error('it is not what was signed');
    } else if (layer === 1) {
      const signed = seal(PROGRAM_TYPE, mutate(payload, random), [KEYS.privateKey]);
      const read = verifyProgram(signed, trusted, 'fuzz').program;
      if (!/^[a-z0-9-]+$/.test(read.program)) throw new Error(read.program);
    } else {
      const id = parseRecord(mutate(record, random).toString('utf8'))?.active?.id ?? 'a';
      if (!/^[0-9a-f]+$/.test(id)) throw new Error(`${id} leads out of the folder`);
    }
  },
};
