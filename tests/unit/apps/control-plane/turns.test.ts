import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Turns } from '../../../../apps/control-plane/reconciliation/turns.ts';

/** Lets the callers wait for turns, in this order. @returns their names in the order of their turns, as they begin */
function begin(turns: Turns, callers: readonly string[]): string[] {
  const begun: string[] = [];
  for (const caller of callers) void turns.next(caller).then(() => begun.push(caller));
  return begun;
}

async function pass(loops: number): Promise<void> {
  for (let loop = 0; loop < loops; loop += 1) await setImmediate();
}

test('between two pieces of work, the event loop handles other calls', async () => {
  const seen: string[] = [];
  const others = (async () => {
    for (let loop = 0; loop < 3; loop += 1) {
      await setImmediate();
      seen.push('other');
    }
  })();
  const turns = new Turns(10);
  for (const caller of ['a', 'b', 'c']) void turns.next(caller).then(() => seen.push(caller));
  await others;
  expect(seen).toEqual(['a', 'other', 'b', 'other', 'c', 'other']);
});

test('a caller with much work does not delay the others', async () => {
  const begun = begin(new Turns(10), ['a', 'a', 'a', 'a', 'b', 'c']);
  await pass(10);
  // The first turn is taken before the others arrive.
  expect(begun).toEqual(['a', 'a', 'b', 'c', 'a', 'a']);
});

test('while there is enough unfinished work, no other begins', async () => {
  const turns = new Turns(2);
  const works = [1, 2].map(() => Promise.withResolvers<void>());
  const ends = works.map(({ promise }) => turns.during(() => promise));
  const begun = begin(turns, ['a', 'b']);
  await pass(10);
  expect(begun).toEqual([]);
  works[0]?.reject(new Error('failed'));
  await expect(ends[0]).rejects.toThrow('failed');
  await pass(10);
  expect(begun).toEqual(['a', 'b']);
  works[1]?.resolve();
  await ends[1];
});

test('work that nobody awaits any longer fails in its turn, and the next one begins', async () => {
  const turns = new Turns(10);
  const leaving = new AbortController();
  const gone = expect(turns.next('a', leaving.signal)).rejects.toThrow('aborted');
  const begun = begin(turns, ['b']);
  leaving.abort();
  await gone;
  await pass(10);
  expect(begun).toEqual(['b']);
});
