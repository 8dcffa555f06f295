import { type FileHandle, open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { errorCode } from '../process/errno.ts';
import { answerFailure, checkSize } from './response.ts';
import type { Body, BodyRequest } from './transfer.ts';
import { TransferFailure } from './transfer-failure.ts';

/**
 * Opens the file at a `file:` address, for example in a folder of vendored packages.
 * @throws TransferFailure if it is missing, cannot be read or has another size
 */
export async function openLocalFile(url: URL, { from, size, signal }: BodyRequest): Promise<Body> {
  const file = await openForReading(url);
  try {
    checkSize((await file.stat()).size, size);
  } catch (error) {
    await file.close();
    throw error;
  }
  return { start: from, bytes: bytesOf(file.createReadStream({ start: from, signal })) };
}

async function openForReading(url: URL): Promise<FileHandle> {
  try {
    return await open(fileURLToPath(url), 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new TransferFailure('gone', 'there is no such file');
    const why = error instanceof Error ? error.message : String(error);
    throw new TransferFailure('refused', `the file cannot be read: ${why}`, { cause: error });
  }
}

async function* bytesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    throw answerFailure(error);
  }
}
