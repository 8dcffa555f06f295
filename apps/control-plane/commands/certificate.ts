import { readFile } from 'node:fs/promises';
import type { ShownCertificate } from '../../api/certificate.ts';
import { messageOf } from '../../error.ts';
import { expectOperands, UsageError } from '../../process/command-line.ts';
import { moment } from '../../text/age.ts';
import { printable } from '../../text/printable.ts';
import { ControlPlaneError } from '../error.ts';
import * as client from '../operator/client.ts';
import { type Operating, type Outcome, outcomeOf } from './operating.ts';

const DAY = 86_400_000;

/** Carries out `qx-controlplane certificate`; see `operate`. */
export async function certificate(
  verb: string,
  operands: readonly string[],
  operating: Operating,
): Promise<Outcome> {
  expectOperands(operands);
  const shown = await worked(verb, operating);
  return outcomeOf(operating, shown, (now) => describe(shown, now));
}

async function worked(verb: string, operating: Operating): Promise<ShownCertificate> {
  switch (verb) {
    case 'show':
      return await client.showCertificate(operating);
    case 'set': {
      const { cert, key } = operating.values;
      if (cert === undefined || key === undefined) {
        throw new UsageError('certificate set --cert FILE --key FILE');
      }
      const request = { chain: await read(cert), key: await read(key) };
      return await client.setCertificate(request, operating);
    }
    case 'reset':
      return await client.resetCertificate(operating);
    default:
      throw new UsageError('certificate show, set or reset?');
  }
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ControlPlaneError({ what: messageOf(cause), where: file, cause });
  }
}

function describe(shown: ShownCertificate, now: number): string {
  const { origin, names, fingerprint, validTo, certificates, setBy, setAt } = shown;
  const days = Math.floor((Date.parse(validTo) - now) / DAY);
  const by =
    origin === 'own'
      ? 'signed by the control plane’s own authority, which browsers do not know'
      : `given by ${setBy}, ${setAt === null ? '' : moment(Date.parse(setAt), now)}`;
  const lines = [
    `certificate  ${by}`,
    `names        ${names.join(', ')}`,
    `valid until  ${validTo.slice(0, 10)}, ${days} days more`,
    `chain        ${certificates === 1 ? 'the certificate alone' : `${certificates} certificates`}`,
    `fingerprint  ${fingerprint}`,
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}
