import { pipeline } from 'node:stream/promises';
import { anySignal, inGroup } from './child-group.ts';
import { errorCode } from './errno.ts';
import { groupOptions, type RunOptions, toolError } from './run.ts';
import type { Tool } from './tools.ts';

/**
 * Runs a host tool that reads its standard input from a stream.
 * @param command tool and arguments
 * @param chunks what the tool reads; taken as fast as it reads, no faster
 * @param options `onBytes` is called with the number of bytes handed over so far
 * @throws BuildError if the tool is missing or fails; whatever `chunks` throws
 */
export async function feed(
  [tool, ...args]: readonly [Tool, ...string[]],
  chunks: Iterable<Uint8Array>,
  options: RunOptions & { onBytes?: (bytes: number) => void },
): Promise<void> {
  const failed = new AbortController();
  const signal = anySignal(options.signal, failed.signal);
  const { execa } = await import('execa');
  const started = execa(tool, args, { ...groupOptions(options), stdin: 'pipe', stdout: 'ignore' });
  const child = inGroup(started, signal);
  const [fed, ended] = await Promise.allSettled([
    pipeline(counting(chunks, options.onBytes), child.stdin).catch((error: unknown) => {
      if (!brokenPipe(error)) failed.abort();
      throw error;
    }),
    child,
  ]);
  // A tool that ends early breaks the pipe: its own words say more than EPIPE does.
  if (fed.status === 'rejected' && !brokenPipe(fed.reason)) throw fed.reason;
  if (ended.status === 'rejected') throw toolError(tool, ended.reason);
}

function brokenPipe(error: unknown): boolean {
  return errorCode(error) === 'EPIPE' || errorCode(error) === 'ERR_STREAM_PREMATURE_CLOSE';
}

function* counting(
  chunks: Iterable<Uint8Array>,
  onBytes: ((bytes: number) => void) | undefined,
): Generator<Uint8Array> {
  let bytes = 0;
  for (const chunk of chunks) {
    yield chunk;
    bytes += chunk.length;
    onBytes?.(bytes);
  }
}
