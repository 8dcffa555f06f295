import { formatChecksums, parseChecksums } from '../../build/release/checksums.ts';
import {
  formatMinisignPublicKey,
  readMinisign,
  readMinisignPublicKey,
  signMinisign,
  verifyMinisign,
} from '../../build/release/minisign.ts';
import { readAgentSignature, readIdentities } from '../../build/release/ssh-agent.ts';
import {
  encodeSshKey,
  encodeSshSignature,
  formatSshKeyLine,
  readSshKeyLine,
} from '../../build/release/ssh-key.ts';
import { readSshSignature, signSsh, verifySsh } from '../../build/release/ssh-signature.ts';
import { encodeSshNumber, encodeSshString } from '../../build/release/ssh-wire.ts';
import { newPair } from '../unit/release/releases.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const { signer, trusted } = newPair();
const BYTES = Buffer.from('aa  quantix.iso\n');
const minisignKey = Buffer.from(formatMinisignPublicKey(trusted.key));
const SUMS = Buffer.from(
  ['a', 'b', 'c'].map((digit) => `${digit.repeat(64)}  ${digit} ü.iso\n`).join(''),
);
const COMMENT = 'quantix 0.2.0';
const minisig = Buffer.from(await signMinisign(BYTES, signer, COMMENT));
const sshsig = await signSsh(BYTES, signer);
const armoured = sshsig.split('\n').slice(1, -2).join('');
const line = Buffer.from(`${formatSshKeyLine(trusted.key)} who signs\n`);

/** Lists of checksums: an accepted one names only files of the folder, and is the same after formatting and parsing. */
export const checksums: Target = {
  name: 'checksums',
  once(random) {
    const read = parseChecksums(mutate(SUMS, random).toString('utf8'), 'fuzz');
    for (const name of read.keys()) {
      if (/[/\0\n]/.test(name)) throw new Error(`${JSON.stringify(name)} leaves the folder`);
    }
    const again = parseChecksums(formatChecksums(read), 'fuzz');
    if (formatChecksums(again) !== formatChecksums(read)) throw new Error('it does not stand it');
  },
};

/** Signatures and keys of minisign: an accepted signature is one by the key. */
export const minisign: Target = {
  name: 'minisign',
  once(random) {
    if (random.below(4) === 0) {
      readMinisignPublicKey(mutate(minisignKey, random).toString('utf8'));
      return;
    }
    const read = readMinisign(mutate(minisig, random).toString('utf8'), 'fuzz');
    if (verifyMinisign(read, BYTES, trusted.key) === 'of another key') return;
    if (read.trustedComment !== COMMENT)
      throw new Error(`it was not signed: ${read.trustedComment}`);
  },
};

/** Public keys of SSH, and its signatures: either their text is changed, or the bytes that it has in Base64. */
export const sshSignature: Target = {
  name: 'ssh-signature',
  once(random) {
    const layer = random.below(3);
    if (layer === 0) {
      readSshKeyLine(mutate(line, random).toString('utf8'), 'fuzz');
      return;
    }
    const text =
      layer === 1
        ? mutate(Buffer.from(sshsig), random).toString('utf8')
        : sshsig.replaceAll(
            /(?<=BEGIN SSH SIGNATURE-----\n)[^-]*/g,
            `${mutate(Buffer.from(armoured, 'base64'), random).toString('base64')}\n`,
          );
    const read = readSshSignature(text, 'fuzz');
    const valid = verifySsh(read, BYTES, 'fuzz');
    if (valid && !read.key.equals(trusted.key)) throw new Error('another key has signed this');
  },
};

const key = encodeSshKey(trusted.key);
const rsa = Buffer.concat([encodeSshString('ssh-rsa'), encodeSshString('e'), encodeSshString('n')]);
const identities = Buffer.concat([
  ...[Buffer.of(12), encodeSshNumber(2)],
  ...[
    encodeSshString(key),
    encodeSshString('ours'),
    encodeSshString(rsa),
    encodeSshString('another'),
  ],
]);
const signature = Buffer.concat([
  Buffer.of(14),
  encodeSshString(encodeSshSignature(Buffer.alloc(64, 7))),
]);

/** Answers of an SSH agent. */
export const sshAgent: Target = {
  name: 'ssh-agent',
  once(random) {
    if (random.below(2) === 0) {
      const read = readIdentities(mutate(identities, random), 'fuzz');
      if (read.identities.length + read.others > 600) throw new Error('more keys than bytes');
    } else if (readAgentSignature(mutate(signature, random), 'fuzz').length !== 64) {
      throw new Error('it is no signature of Ed25519');
    }
  },
};
