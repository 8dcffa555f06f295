import { createHash } from 'node:crypto';
import { constants, type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrustedKey } from '../../../build/release/keys.ts';
import {
  LONGEST_HEAD,
  type ProgramRelease,
  splitHead,
  verifyProgram,
} from '../../../build/release/program.ts';
import { ExplainedError, messageOf } from '../../error.ts';
import { asDiskError } from '../../files/disk-error.ts';
import { syncFolder, syncRenamed } from '../../files/durable-file.ts';

/** Name of the agent, by which the executable selects the program. */
export const PROGRAM = 'qx-node';

/** Name of the file with the signed head of an agent, beside the stored agent. */
const HEAD = 'head.json';

/** Bytes that are read and written at once. */
const PIECE = 1024 * 1024;

/** An agent's file. Its head has been verified, the rest has not. */
export interface AgentFile extends AsyncDisposable {
  /** SHA-256 of the head. */
  readonly id: string;
  readonly program: ProgramRelease;
  readonly key: TrustedKey;
  /**
   * Writes the agent to a new folder, and verifies it while writing.
   * @param programs folder in which the new folder is created
   * @returns path of the new folder
   * @throws ExplainedError if the agent does not match its head; DiskError
   */
  write(programs: string): Promise<string>;
}

/**
 * Opens an agent's file and verifies its head.
 * @param keys trusted keys
 * @throws ExplainedError if there is no head, or it is not signed by a trusted key
 */
export async function openAgentFile(file: string, keys: readonly TrustedKey[]): Promise<AgentFile> {
  const handle = await openRegular(file);
  try {
    const { size } = await handle.stat();
    const start = Buffer.alloc(Math.min(LONGEST_HEAD, size));
    const { bytesRead } = await handle.read(start, 0, start.length, 0);
    const found = splitHead(start.subarray(0, bytesRead));
    if (found === undefined) throw noAgent(file, 'it does not begin with a signed line');
    const { head, programAt } = found;
    const { program, key } = verifyProgram(head, keys, file);
    if (size - programAt !== program.bytes) {
      const has = `${size - programAt} bytes instead of ${program.bytes}`;
      throw noAgent(file, `the program in it has ${has}`);
    }
    const id = createHash('sha256').update(head).digest('hex');
    return {
      id,
      program,
      key,
      write: (programs) => writeProgram({ handle, file, head, programAt, program, id }, programs),
      [Symbol.asyncDispose]: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Opens a regular file; does not block on a pipe. */
async function openRegular(file: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw new ExplainedError({
      what: `it cannot be read: ${messageOf(cause)}`,
      where: file,
      cause,
    });
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw noAgent(file, 'it is not a file');
}

function noAgent(file: string, why: string): ExplainedError {
  return new ExplainedError({
    what: `this is not an agent that can be deployed: ${why}`,
    where: file,
    fix: 'Make one with `qx-build agent`, and copy it whole.',
  });
}

interface WriteInput {
  handle: FileHandle;
  file: string;
  head: Uint8Array;
  programAt: number;
  program: ProgramRelease;
  id: string;
}

/** Prefix of a folder that is being written. */
const UNFINISHED = '.new-';

async function writeProgram(
  { handle, file, head, programAt, program, id }: WriteInput,
  programs: string,
): Promise<string> {
  const folder = join(programs, `${UNFINISHED}${id}`);
  try {
    await mkdir(programs, { recursive: true, mode: 0o700 });
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { mode: 0o700 });
    const digest = await copy(handle, programAt, join(folder, PROGRAM));
    if (digest !== program.sha256) {
      throw noAgent(file, 'the program in it is not the one that was signed');
    }
    await writeSynced(join(folder, HEAD), head);
    await syncFolder(folder);
    return folder;
  } catch (error) {
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    throw error instanceof ExplainedError ? error : asDiskError(folder, error);
  }
}

/** Copies the rest of a file. @returns the SHA-256 of the written bytes */
async function copy(from: FileHandle, start: number, to: string): Promise<string> {
  const hash = createHash('sha256');
  const target = await open(to, 'wx', 0o700);
  try {
    const piece = Buffer.alloc(PIECE);
    for (let at = start; ; ) {
      const { bytesRead } = await from.read(piece, 0, piece.length, at);
      if (bytesRead === 0) break;
      const read = piece.subarray(0, bytesRead);
      hash.update(read);
      await target.writeFile(read);
      at += bytesRead;
    }
    await target.sync();
  } finally {
    await target.close();
  }
  return hash.digest('hex');
}

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Moves a written folder to its final place; replaces an existing one.
 * @returns path of the program
 * @throws DiskError
 */
export async function moveIntoPlace(folder: string, programs: string, id: string): Promise<string> {
  const place = join(programs, id);
  try {
    await rm(place, { recursive: true, force: true });
    await rename(folder, place);
    await syncRenamed(place);
  } catch (error) {
    throw asDiskError(place, error);
  }
  return join(place, PROGRAM);
}

/**
 * Verifies signature and content of a deployed agent on the disk.
 * @returns path of the program, and the contents of its head
 * @throws ExplainedError saying why it must not run
 */
export async function verifyDeployed(
  programs: string,
  id: string,
  keys: readonly TrustedKey[],
): Promise<{ file: string; program: ProgramRelease }> {
  const file = join(programs, id, PROGRAM);
  const head = await readSmall(join(programs, id, HEAD));
  const { program } = verifyProgram(head, keys, join(programs, id, HEAD));
  await using handle = await openRegular(file);
  const { size, mode } = await handle.stat();
  if (size !== program.bytes || (await digestOf(handle)) !== program.sha256) {
    throw new ExplainedError({ what: 'it no longer matches its signature', where: file });
  }
  if ((mode & 0o100) === 0) throw new ExplainedError({ what: 'it is not a program', where: file });
  return { file, program };
}

async function readSmall(file: string): Promise<Buffer> {
  await using handle = await openRegular(file);
  const bytes = Buffer.alloc(LONGEST_HEAD);
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
  return bytes.subarray(0, bytesRead);
}

async function digestOf(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(PIECE);
  for (let at = 0; ; ) {
    const { bytesRead } = await handle.read(piece, 0, piece.length, at);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(piece.subarray(0, bytesRead));
    at += bytesRead;
  }
}

/** Removes everything from the folder of agents except the folders in `keep`, and folders that are being written. */
export async function sweep(programs: string, keep: readonly string[]): Promise<void> {
  for (const name of await namesIn(programs)) {
    if (keep.includes(name) || name.startsWith(UNFINISHED)) continue;
    await rm(join(programs, name), { recursive: true, force: true });
  }
}

/** Removes unfinished folders. */
export async function sweepUnfinished(programs: string): Promise<void> {
  for (const name of await namesIn(programs)) {
    if (name.startsWith(UNFINISHED)) {
      await rm(join(programs, name), { recursive: true, force: true });
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => []);
}
