import { findSecrets, hideSecrets } from '../../apps/support/secrets.ts';
import { parseStick } from '../../apps/support/sticks.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const SECRET = 'planted5ecret';
const TEXT = `PSK=${SECRET}\n{"token": "${SECRET}"}\n<a passwd='${SECRET}'>x</a>
-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----\nhttps://u:${SECRET}@host/\n`;

/** Texts of a support bundle: a known secret is removed, whatever surrounds it. Also the first bytes of sticks. */
export const support: Target = {
  name: 'support',
  once(random) {
    const text = mutate(Buffer.from(TEXT), random).toString('utf8');
    const known = [...new Set([SECRET, ...findSecrets(text)])].sort((a, b) => b.length - a.length);
    const hidden = hideSecrets(text, known);
    if (hidden.includes(SECRET)) throw new Error(`a secret stays in ${JSON.stringify(hidden)}`);
    const head = Buffer.alloc(4096);
    head.write(random.pick(['FAT32', 'FAT16']), random.pick([82, 54]), 'latin1');
    head.writeUInt16LE(0xaa55, 510);
    head.writeUInt16LE(0xef53, 1024 + 0x38);
    const found = parseStick(mutate(head, random));
    if (found !== null && /[^\x20-\x7e]/.test(found.label ?? '')) throw new Error('a bad label');
  },
};
