import { expect, test } from 'vitest';
import { determineBodyStart, redirectTarget } from '../../../build/cache/response.ts';

test('a redirect may go from http to https, but not back', () => {
  const head = (location: string) => ({ statusCode: 302, headers: { location } });
  const secure = new URL('https://a.example/x/y');
  expect(redirectTarget(head('https://b.example/'), new URL('http://a.example/'))?.href).toBe(
    'https://b.example/',
  );
  expect(redirectTarget(head('../z'), secure)?.href).toBe('https://a.example/z');
  expect(() => redirectTarget(head('http://a.example/x'), secure)).toThrow('from https: to http:');
  expect(() => redirectTarget(head('http://['), secure)).toThrow('redirects to nowhere');
  expect(redirectTarget({ statusCode: 200, headers: {} }, secure)).toBeUndefined();
});

test.each([
  ['another start', 'bytes 0-99/100'],
  ['another size', 'bytes 50-99/200'],
  ['a number beyond all files', 'bytes 50-99/99999999999999999999'],
  ['words', 'bytes a-b/c'],
  ['nothing', undefined],
])('a range answer with %s is refused', (_name, range) => {
  const head = { statusCode: 206, headers: range === undefined ? {} : { 'content-range': range } };
  expect(() => determineBodyStart(head, { from: 50, size: 100 })).toThrow(
    /range|expected 100 bytes/,
  );
});

test('a range answer without the total size is accepted', () => {
  const head = { statusCode: 206, headers: { 'content-range': 'bytes 50-99/*' } };
  expect(determineBodyStart(head, { from: 50, size: 100 })).toBe(50);
});

test('a server cannot make a client wait for more than a minute', () => {
  const head = { statusCode: 503, headers: { 'retry-after': '86400' } };
  expect(() => determineBodyStart(head, { from: 0, size: 1 })).toThrow(
    expect.objectContaining({ kind: 'interrupted', retryAfter: 60_000 }),
  );
});
