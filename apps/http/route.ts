import type { IncomingMessage } from 'node:http';
import { ApiError } from './error.ts';

/** What is sent back. */
export interface Answer {
  status: number;
  /** Media type; `application/json` if absent. */
  type?: string;
  body: string;
}

/** Answers a request of one method to one path. */
export interface Route {
  method: 'GET' | 'POST' | 'DELETE';
  /** Segments separated by `/`; `:id` stands for any one of them, and is handed on undecoded. */
  path: string;
  answer: (request: IncomingMessage, id: string) => Promise<Answer>;
}

/** An answer in JSON. */
export function json(value: unknown, status = 200): Answer {
  return { status, body: `${JSON.stringify(value)}\n` };
}

/**
 * Finds what answers a request. Paths are taken as they are written: nothing is decoded, and `..` means nothing.
 * @throws ApiError 404 if there is no such path, 405 if it knows other methods
 */
export function findRoute(
  routes: readonly Route[],
  { method, url }: { method: string; url: string },
): { route: Route; id: string } {
  const path = url.split('?', 1)[0] ?? '';
  const here = routes.flatMap((route) => {
    const id = match(route.path, path);
    return id === undefined ? [] : [{ route, id }];
  });
  const found = here.find(({ route }) => route.method === method);
  if (found !== undefined) return found;
  if (here.length === 0) {
    throw new ApiError(404, `there is nothing at ${JSON.stringify(path.slice(0, 80))}`);
  }
  const allow = here.map(({ route }) => route.method).join(', ');
  throw new ApiError(405, `this path knows ${allow} only`, { headers: { allow } });
}

/** What stands for `:id` in a path, or nothing; `undefined` if the path is another. */
function match(pattern: string, path: string): string | undefined {
  const expected = pattern.split('/');
  const given = path.split('/');
  if (given.length !== expected.length) return undefined;
  let id = '';
  for (const [index, segment] of given.entries()) {
    if (expected[index] === ':id' && segment !== '') id = segment;
    else if (expected[index] !== segment) return undefined;
  }
  return id;
}
