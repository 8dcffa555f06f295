import { expect, test } from 'vitest';
import { CommandError } from '../../../../apps/process/command-error.ts';
import { LastAnswer } from '../../../../apps/storage/last-answer.ts';

const forever = () => new Promise<never>(() => undefined);

test('a device that does not answer is shown with its last state and its time', async () => {
  const answer = new LastAnswer<number>();
  expect(await answer.look(1, forever)).toEqual({ value: undefined, seen: 'never' });
  const other = new LastAnswer<number>();
  expect(await other.look(60_000, async () => 7)).toEqual({ value: 7, seen: 'now' });
  const late = await other.look(1, forever);
  expect(late.value).toBe(7);
  expect(Date.parse(late.seen)).toBeLessThanOrEqual(Date.now());
});

test('a slow read continues, no second one begins meanwhile, and its end is reported once', async () => {
  const answer = new LastAnswer<string>();
  const { promise, resolve } = Promise.withResolvers<string>();
  let looks = 0;
  const slow = () => {
    looks += 1;
    return promise;
  };
  expect((await answer.look(1, slow)).seen).toBe('never');
  expect((await answer.look(1, slow)).seen).toBe('never');
  expect(looks).toBe(1);
  const waiting = answer.look(60_000, slow);
  resolve('late');
  expect(await waiting).toEqual({ value: 'late', seen: 'now' });
  expect(await answer.look(60_000, async () => 'new')).toEqual({ value: 'new', seen: 'now' });
});

test('any number of hanging reads does not block other reads', async () => {
  const hanging = Array.from({ length: 50 }, () => new LastAnswer<number>().look(1, forever));
  expect(await new LastAnswer<number>().look(60_000, async () => 1)).toMatchObject({ value: 1 });
  for (const { seen } of await Promise.all(hanging)) expect(seen).toBe('never');
});

test('a command that exceeds its time counts as no answer; other errors of a read are reported', async () => {
  const answer = new LastAnswer<number>();
  await answer.look(60_000, async () => 3);
  const timeout = new CommandError({
    command: 'stat',
    args: [],
    failure: 'timeout',
    detail: '5 s',
  });
  const late = await answer.look(60_000, () => Promise.reject(timeout));
  expect(late).toMatchObject({ value: 3, seen: expect.not.stringMatching('now') });
  await expect(answer.look(60_000, () => Promise.reject(new Error('EIO')))).rejects.toThrow('EIO');
});

test('while an unkillable command is left, no other is started', async () => {
  const answer = new LastAnswer<number>();
  const gone = Promise.withResolvers<void>();
  await answer.look(60_000, async (onSurvivor) => {
    onSurvivor(gone.promise);
    return 1;
  });
  let looks = 0;
  const again = () => answer.look(60_000, async () => (looks += 1));
  expect(await again()).toMatchObject({ value: 1, seen: expect.not.stringMatching('now') });
  expect(looks).toBe(0);
  gone.resolve();
  await gone.promise;
  expect(await again()).toEqual({ value: 1, seen: 'now' });
});
