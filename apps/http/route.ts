import type { IncomingMessage } from 'node:http';
import { ApiError } from './error.ts';

/** A response. */
export interface Answer {
  status: number;
  /** Media type; `application/json` if absent. */
  type?: string;
  body: string;
}

/** Answers requests with one method to one path. */
export interface Route {
  method: 'GET' | 'POST' | 'DELETE';
  /** Segments separated by `/`; `:id` matches any one segment, which is passed on undecoded. */
  path: string;
  answer: (request: IncomingMessage, id: string) => Promise<Answer>;
}

/** Makes an answer in JSON. */
export function makeJsonAnswer(value: unknown, status = 200): Answer {
  return { status, body: `${JSON.stringify(value)}\n` };
}

/**
 * Finds the route of a request. Paths are compared as they are written: nothing is decoded, and `..` has no meaning.
 * @throws ApiError 404 if there is no such path, 405 if the path has other methods only
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
  throw new ApiError(405, `this path supports ${allow} only`, { headers: { allow } });
}

/** Returns the segment that matches `:id`, or '' if the pattern has none; `undefined` if the path does not match. */
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
