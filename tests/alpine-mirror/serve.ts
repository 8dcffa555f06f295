import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What goes wrong with a file: it is missing, ends early, comes slowly, or has other bytes. */
export type Fault = 'missing' | 'truncated' | 'slow' | 'wrong';

/** A mirror that is being served. */
export interface Mirror extends AsyncDisposable {
  /** Address of the folder, without a slash at its end. */
  readonly url: string;
  /** The requested paths so far, in order. */
  readonly asked: readonly string[];
  /** Causes a fault for every path with this ending, a number of times or until `heal`. */
  break(pathEnd: string, fault: Fault, times?: number): void;
  heal(): void;
}

/** Serves a folder over HTTP on loopback, as a static mirror does. */
export async function serve(folder: string): Promise<Mirror> {
  const asked: string[] = [];
  const faults = new Map<string, { fault: Fault; left: number }>();
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://mirror').pathname);
    asked.push(path);
    const broken = [...faults].find(([end, { left }]) => path.endsWith(end) && left > 0)?.[1];
    if (broken !== undefined) broken.left -= 1;
    answer(join(folder, path), broken?.fault, response).catch(() => response.destroy());
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    break: (pathEnd, fault, times = Number.POSITIVE_INFINITY) => {
      faults.set(pathEnd, { fault, left: times });
    },
    heal: () => faults.clear(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function answer(
  file: string,
  fault: Fault | undefined,
  response: ServerResponse,
): Promise<void> {
  if (fault === 'missing' || !existsSync(file) || !statSync(file).isFile()) {
    response.writeHead(404).end();
    return;
  }
  const { size } = statSync(file);
  response.writeHead(200, { 'content-length': size });
  let sent = 0;
  for await (const chunk of createReadStream(file)) {
    const bytes: Buffer = chunk;
    if (fault === 'wrong') bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0xff;
    if (fault === 'slow') await sleep(20);
    if (fault === 'truncated' && sent + bytes.length > size / 2) {
      response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
      return;
    }
    sent += bytes.length;
    response.write(bytes);
  }
  response.end();
}
