import { createHash } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import { messageOf } from '../error.ts';
import { syncRenamed } from '../files/durable-file.ts';
import { readText } from '../host/read.ts';
import { type Answer, GREATEST_ANSWER, parseAnswer } from './answer.ts';
import { InstallError } from './error.ts';

/** Path on the configuration partition, which may be a config drive. */
const FILE = '/quantix/install.yaml';

/** Kernel parameter that names another answer file. */
const PARAMETER = /(?:^|\s)quantix\.answer=(\S+)/;

/** Milliseconds within which a server must answer. */
const PATIENCE = 60_000;

/** An answer file that was found. */
export interface FoundAnswer {
  answer: Answer;
  /** A path or an address. */
  where: string;
}

/** Whether the kernel parameters request an installation. @param root folder that contains proc */
export async function isInstallMode(root = '/'): Promise<boolean> {
  return /(?:^|\s)quantix\.mode=install(?:\s|$)/.test(await readText(`${root}/proc/cmdline`));
}

/**
 * Finds the answer file of an unattended installation: the one named by the kernel parameter `quantix.answer`, or else
 * `install.yaml` on the configuration partition. Returns `null` if there is neither.
 * @throws InstallError if it cannot be read or is invalid
 */
export async function findAnswer(signal: AbortSignal): Promise<FoundAnswer | null> {
  const [, named] = PARAMETER.exec(await readText('/proc/cmdline')) ?? [];
  if (named !== undefined) return loadAnswer(named, signal);
  const text = await readText(FILE);
  return text === '' ? null : { answer: await parseAnswer(text, FILE), where: FILE };
}

/**
 * Reads an answer file.
 * @param where a path, or an address followed by the file's hash: `https://host/node7.yaml#sha256=<64 hex digits>`
 * @throws InstallError if it cannot be read, does not match the hash, or is invalid
 */
export async function loadAnswer(where: string, signal: AbortSignal): Promise<FoundAnswer> {
  if (!/^https?:/i.test(where)) {
    const text = await readFile(where, 'utf8').catch((cause: unknown) => {
      throw new InstallError({ what: 'the answer file cannot be read', where, cause });
    });
    return { answer: await parseAnswer(text, where), where };
  }
  const [address = '', digest = ''] = where.split('#');
  const [, sha256] = /^sha256=([0-9a-f]{64})$/i.exec(digest) ?? [];
  if (sha256 === undefined) {
    throw new InstallError({
      what: 'an answer file from a server is pinned by its hash',
      where: address,
      fix: 'Append #sha256= and the hash that sha256sum prints.',
    });
  }
  const bytes = await download(address, signal);
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256.toLowerCase()) {
    throw new InstallError({
      what: `the answer file is not the pinned one: its SHA-256 is ${found}`,
      where: address,
    });
  }
  return { answer: await parseAnswer(bytes.toString('utf8'), address), where: address };
}

async function download(address: string, signal: AbortSignal): Promise<Buffer> {
  try {
    const ends = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
    const answer = await fetch(address, { redirect: 'error', signal: ends });
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const piece of answer.body ?? []) {
      pieces.push(piece);
      length += piece.length;
      if (length > GREATEST_ANSWER) throw new Error(`it has more than ${GREATEST_ANSWER} bytes`);
    }
    return Buffer.concat(pieces);
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new InstallError({
      what: `the answer file cannot be fetched: ${messageOf(cause)}`,
      where: address,
      cause,
    });
  }
}

/**
 * Renames an answer file that was carried out, so that it is not found again.
 * @returns false if it stays, because it is on a server or its file system is not writable
 */
export async function retireAnswer({ where }: FoundAnswer): Promise<boolean> {
  if (where !== FILE) return false;
  try {
    await rename(where, `${where}.done`);
    await syncRenamed(`${where}.done`);
    return true;
  } catch {
    return false;
  }
}
