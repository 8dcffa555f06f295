import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { combineSignals, superviseGroup } from './child-group.ts';
import { errorCode } from './errno.ts';
import { explainToolError, groupOptions, type RunOptions } from './run.ts';
import { logTool } from './tool-log.ts';
import type { Tool } from './tools.ts';

/**
 * Runs a host tool that reads its standard input from a stream.
 * @param command tool and arguments
 * @param chunks the tool's input. A chunk is requested only when the previous one is completely in the pipe, so its
 *   buffer may be reused
 * @param options `onBytes` receives the number of bytes that the pipe has accepted so far
 * @throws BuildError if the tool is missing or fails; errors of `chunks`
 */
export async function feedTool(
  [tool, ...args]: readonly [Tool, ...string[]],
  chunks: Iterable<Uint8Array>,
  options: RunOptions & { onBytes?: (bytes: number) => void },
): Promise<void> {
  const failed = new AbortController();
  const signal = combineSignals(options.signal, failed.signal);
  const { execa } = await import('execa');
  const started = execa(tool, args, { ...groupOptions(options), stdin: 'pipe', stdout: 'ignore' });
  const child = superviseGroup(logTool(started, [tool, ...args], options.cwd), signal);
  const [fed, ended] = await Promise.allSettled([
    writeAll(child.stdin, chunks, options.onBytes).catch((error: unknown) => {
      if (!brokenPipe(error)) failed.abort();
      throw error;
    }),
    child,
  ]);
  // A tool that ends early breaks the pipe; its own message is more useful than EPIPE.
  if (fed.status === 'rejected' && !brokenPipe(fed.reason)) throw fed.reason;
  if (ended.status === 'rejected') throw explainToolError(tool, ended.reason);
}

/** Error codes of a pipe without a reader. */
const BROKEN = ['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED'];

function brokenPipe(error: unknown): boolean {
  return BROKEN.includes(errorCode(error) ?? '');
}

async function writeAll(
  pipe: Writable,
  chunks: Iterable<Uint8Array>,
  onBytes: ((bytes: number) => void) | undefined,
): Promise<void> {
  const closed = finished(pipe);
  closed.catch(() => undefined);
  try {
    let bytes = 0;
    for (const chunk of chunks) {
      await Promise.race([write(pipe, chunk), closed]);
      bytes += chunk.length;
      onBytes?.(bytes);
    }
    pipe.end();
    await closed;
  } finally {
    pipe.destroy();
  }
}

function write(pipe: Writable, chunk: Uint8Array): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  pipe.write(chunk, (error) => (error ? reject(error) : resolve()));
  // The pipe may be closed first, and then nothing awaits this promise.
  promise.catch(() => undefined);
  return promise;
}
