import { readFile } from 'node:fs/promises';
import type { ShownCertificate } from '../../api/certificate.ts';
import { messageOf } from '../../error.ts';
import { expectOperands, UsageError } from '../../process/command-line.ts';
import { formatMoment } from '../../text/age.ts';
import { makePrintable } from '../../text/printable.ts';
import { ControlPlaneError } from '../error.ts';
import * as client from '../operator/client.ts';
import { refuseVerb } from '../operator/options.ts';
import { formatOutcome, type Operating, type Outcome } from './operating.ts';

const DAY = 86_400_000;

/** Carries out `qx-controlplane certificate`; see `operate`. */
export async function runCertificate(
  verb: string,
  operands: readonly string[],
  operating: Operating,
): Promise<Outcome> {
  const shown = await worked(verb, operands, operating);
  return formatOutcome(operating, shown, (now) => describe(shown, now));
}

async function worked(
  verb: string,
  operands: readonly string[],
  operating: Operating,
): Promise<ShownCertificate> {
  if (verb !== 'acme') expectOperands(operands);
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
    case 'acme': {
      const { name, contact = '', authority } = operating.values;
      const [directory] = operands;
      if (name === undefined || directory === undefined) {
        throw new UsageError('certificate acme DIRECTORY --name NAME,NAME');
      }
      expectOperands(operands, 1);
      operating.tell('ordering it, which may take two minutes …\n');
      const request = {
        ...{ directory, names: name.split(','), contact },
        authority: authority === undefined ? '' : await read(authority),
      };
      return await client.orderCertificate(request, operating);
    }
    case 'reset':
      return await client.resetCertificate(operating);
    default:
      refuseVerb('certificate');
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
  const { origin, names, fingerprint, validTo, certificates, setBy, setAt, directory } = shown;
  const days = Math.floor((Date.parse(validTo) - now) / DAY);
  const by =
    origin === 'own'
      ? 'signed by the control plane’s own authority, which browsers do not know'
      : `${origin === 'given' ? `given by ${setBy}` : `from ${directory}, renewed by itself`}, ${
          setAt === null ? '' : formatMoment(Date.parse(setAt), now)
        }`;
  const lines = [
    `certificate  ${by}`,
    `names        ${names.join(', ')}`,
    `valid until  ${validTo.slice(0, 10)}, ${days} days more`,
    `chain        ${certificates === 1 ? 'the certificate alone' : `${certificates} certificates`}`,
    `fingerprint  ${fingerprint}`,
  ];
  return lines.map((line) => `${makePrintable(line)}\n`).join('');
}
