import { request } from 'node:http';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import type { Parts } from '../../../../../apps/agent/server/parts.ts';
import { serve } from '../../../../../apps/agent/server/serve.ts';
import { createLogger } from '../../../../../apps/log/logger.ts';
import { temporaryFolder } from '../../../folder.ts';

/** An agent that serves, until the test is over. */
export interface Agent {
  socket: string;
  log: string[];
  stop: () => Promise<void>;
  send: (line: string, body?: string, headers?: Record<string, string>) => Promise<Reply>;
}

export interface Reply {
  status: number | undefined;
  headers: NodeJS.Dict<string | string[]>;
  text: string;
}

/** Serves these parts on a socket of its own. */
export async function servingAgent(parts: Parts): Promise<Agent> {
  const socket = join(await temporaryFolder(), 'run', 'node.sock');
  const log: string[] = [];
  const ending = new AbortController();
  const logger = createLogger({ level: 'info', write: (line) => void log.push(line) });
  const done = serve({ parts, socket, log: logger, signal: ending.signal });
  const stop = async () => {
    ending.abort();
    await done;
  };
  onTestFinished(stop);
  await Promise.race([
    done,
    vi.waitFor(() => log.includes(`info: listening on ${socket}`) || fail(), 100_000),
  ]);
  return { socket, log, stop, send: (line, body, headers) => send(socket, line, body, headers) };
}

function fail(): never {
  throw new Error('not yet');
}

/** Sends a request. @param line method and path, such as `GET /healthz` */
function send(
  socketPath: string,
  line: string,
  body = '',
  headers: Record<string, string> = {},
): Promise<Reply> {
  const [method, path] = line.split(' ');
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, text }),
      );
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
