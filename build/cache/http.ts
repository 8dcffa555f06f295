import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { BuildError } from '../error.ts';
import { isErrno } from '../process/errno.ts';

/** What an address answers. */
export type HttpAnswer =
  | { status: 'there'; from: number; body: AsyncIterable<Uint8Array> }
  /** The address works and has no such file. */
  | { status: 'absent'; from: 0 }
  /** The address cannot say now. */
  | { status: 'busy'; from: 0; reason: string };

/**
 * Asks an address for a file, from a byte on. Proxies named in the environment are used
 * (Node's `NODE_USE_ENV_PROXY`, which the command line sets).
 * @param url `http:`, `https:` or `file:`
 * @returns `from` is 0 if the server does not do ranges (RFC 9110, 14)
 * @throws BuildError on another kind of address or a refusal; whatever fetch throws if the network fails
 */
export async function httpGet(
  url: string,
  { from, signal }: { from: number; signal: AbortSignal },
): Promise<HttpAnswer> {
  const { protocol } = new URL(url);
  if (protocol === 'file:') return fileGet(fileURLToPath(url), from);
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw new BuildError({ what: `${url} is not an address of http:, https: or file:` });
  }
  const headers = from > 0 ? { range: `bytes=${from}-` } : {};
  const answer = await fetch(url, { headers, signal, redirect: 'follow' });
  if (protocol === 'https:' && !answer.url.startsWith('https:')) {
    throw new BuildError({ what: `${url} redirects to unencrypted ${answer.url}; refused` });
  }
  if (answer.ok && answer.body !== null) {
    return { status: 'there', from: rangeStart(answer, from), body: answer.body };
  }
  await answer.body?.cancel();
  if (answer.status === 416) throw new Error('the server refuses to continue');
  if (answer.status === 404 || answer.status === 410) return { status: 'absent', from: 0 };
  const reason = `HTTP ${answer.status} ${answer.statusText}`.trim();
  if (answer.status >= 500 || answer.status === 429 || answer.status === 408) {
    return { status: 'busy', from: 0, reason };
  }
  throw new BuildError({
    what: `${url} is refused: ${reason}`,
    fix: 'Check the mirror’s address.',
  });
}

function rangeStart(answer: Response, asked: number): number {
  if (answer.status !== 206) return 0;
  const range = answer.headers.get('content-range') ?? '';
  const start = /^bytes (\d+)-/.exec(range)?.[1];
  if (Number(start) === asked) return asked;
  throw new Error(`the server continues at another place: ${range}`);
}

async function fileGet(file: string, from: number): Promise<HttpAnswer> {
  try {
    await stat(file);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { status: 'absent', from: 0 };
    throw error;
  }
  return { status: 'there', from, body: createReadStream(file, { start: from }) };
}
