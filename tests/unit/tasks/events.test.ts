import { beforeEach, expect, test, vi } from 'vitest';
import { commandOutput } from '../../../tasks/ui/events.ts';
import { runStages, type StageTime, stage } from '../../../tasks/ui/stage.ts';

let printed = '';

beforeEach(() => {
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});

const events = () =>
  printed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

test('people read lines, and are not bothered with events', () => {
  const output = commandOutput({ json: false });
  output.say('qvdc: up to date');
  output.emit({ event: 'error', message: 'x' });
  expect(printed).toBe('qvdc: up to date\n');
});

test('programs read one event a line, lines for people among them', () => {
  const output = commandOutput({ json: true });
  output.say('two\nlines');
  output.emit({ event: 'start', image: 'qvdc', step: 'iso' });
  expect(events()).toEqual([
    { event: 'note', text: 'two\nlines' },
    { event: 'start', image: 'qvdc', step: 'iso' },
  ]);
  expect(output.interactive).toBe(false);
});

test('a stage tells programs when it starts and when it is done, and how long it took', async () => {
  const times: StageTime[] = [];
  const output = commandOutput({ json: true });
  const options = { image: 'qvdc', step: 'squashfs', title: 'Root filesystem', output, times };
  const one = stage(options, async (report) => {
    report.say('two packages');
    report.progress(1, 2);
    return { cached: true };
  });
  await runStages([one], output);
  const done = { event: 'done', image: 'qvdc', step: 'squashfs', cached: true };
  expect(events()).toMatchObject([
    { event: 'start' },
    { event: 'note', text: 'two packages' },
    done,
  ]);
  expect(times).toMatchObject([{ step: 'squashfs', cached: true }]);
});

test('of a stage that fails the cause is thrown, and what comes after it is not run', async () => {
  const output = commandOutput({ json: true });
  const cause = new Error('disk full');
  let ran = false;
  const options = { image: 'qvdc', title: 'x', output, times: [] };
  const failing = stage({ ...options, step: 'squashfs' }, async () => {
    throw cause;
  });
  const next = stage({ ...options, step: 'iso' }, async () => {
    ran = true;
    return {};
  });
  await expect(runStages([failing, next], output)).rejects.toBe(cause);
  expect(ran).toBe(false);
  expect(events().map(({ event }) => event)).toEqual(['start']);
});
