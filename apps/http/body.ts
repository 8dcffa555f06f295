import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import { ApiError } from './error.ts';

/** Largest body of a request, in bytes. */
export const MAX_BODY = 1024 * 1024;

/**
 * Reads the body of a request.
 * @throws ApiError 413 if it is too large, 400 if it is not UTF-8
 */
export async function readText(request: IncomingMessage): Promise<string> {
  const bytes = await readBytes(request);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ApiError(400, 'the body is not UTF-8');
  }
}

/**
 * Reads the body of a request as JSON.
 * @throws ApiError 413 if it is too large, 400 if it does not fit the schema
 */
export async function readJson<Value>(
  request: IncomingMessage,
  schema: z.ZodType<Value>,
): Promise<Value> {
  const text = await readText(request);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ApiError(400, 'the body is not JSON');
  }
  const value = schema.safeParse(json);
  if (value.success) return value.data;
  throw new ApiError(400, `the body is not valid: ${z.prettifyError(value.error)}`);
}

/**
 * Reads a whole body. If it is too large, the rest is read and discarded: otherwise, a caller that is still sending
 * would not receive the answer.
 */
async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const tooBig = new ApiError(413, `the body has more than ${MAX_BODY} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY) throw tooBig;
  return await new Promise((resolve, reject) => {
    let pieces: Buffer[] = [];
    let size = 0;
    request.on('data', (piece: Buffer) => {
      size += piece.length;
      if (size <= MAX_BODY) pieces.push(piece);
      else {
        pieces = [];
        reject(tooBig);
      }
    });
    request.on('end', () => resolve(Buffer.concat(pieces)));
    request.on('error', reject);
    request.on('close', () => reject(new ApiError(400, 'the body is not complete')));
  });
}
