import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { ListrTask } from 'listr2';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { run } from '../../../build/process/run.ts';
import { makeCommandOutput } from '../../../tasks/ui/events.ts';
import { Stages } from '../../../tasks/ui/stage.ts';
import { temporaryFolder } from '../folder.ts';

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

test('people get lines, and no events', () => {
  const output = makeCommandOutput({ json: false });
  output.say('qvdc: up to date');
  output.emit({ event: 'error', message: 'x' });
  expect(printed).toBe('qvdc: up to date\n');
});

test('progress is drawn only on a terminal that can move its cursor', () => {
  const { isTTY } = process.stdout;
  onTestFinished(() => {
    process.stdout.isTTY = isTTY;
    vi.unstubAllEnvs();
  });
  process.stdout.isTTY = true;
  vi.stubEnv('TERM', 'xterm');
  expect(makeCommandOutput({ json: false }).interactive).toBe(true);
  vi.stubEnv('TERM', 'dumb');
  expect(makeCommandOutput({ json: false }).interactive).toBe(false);
});

test('programs get one event a line, among them the lines for people', () => {
  const output = makeCommandOutput({ json: true });
  output.say('two\nlines');
  output.emit({ event: 'start', image: 'qvdc', step: 'iso' });
  expect(events()).toEqual([
    { event: 'note', text: 'two\nlines' },
    { event: 'start', image: 'qvdc', step: 'iso' },
  ]);
  expect(output.interactive).toBe(false);
});

const stagesOf = (signal?: AbortSignal, atOnce?: number) =>
  new Stages({ image: 'qvdc', output: makeCommandOutput({ json: true }), signal, atOnce });

test('a stage emits events for its start and its end, with the time taken', async () => {
  const stages = stagesOf();
  const one = stages.stage('squashfs', 'Root filesystem', async (report) => {
    report.say('two packages');
    report.progress(1, 2);
    return { cached: true };
  });
  await stages.run([one]);
  const done = { event: 'done', image: 'qvdc', step: 'squashfs', cached: true };
  expect(events()).toMatchObject([
    { event: 'start' },
    { event: 'note', text: 'two packages' },
    done,
  ]);
  expect(stages.times).toMatchObject([{ step: 'squashfs', cached: true }]);
});

test('the cause of a failed stage is thrown, and later stages do not run', async () => {
  const stages = stagesOf();
  const cause = new Error('disk full');
  let ran = false;
  const failing = stages.stage('squashfs', 'x', async () => {
    throw cause;
  });
  const next = stages.stage('iso', 'x', async () => {
    ran = true;
    return {};
  });
  await expect(stages.run([failing, next])).rejects.toBe(cause);
  expect(ran).toBe(false);
  expect(events().map(({ event }) => event)).toEqual(['start']);
});

test('a failed stage ends the parallel ones and their programs before its cause is thrown', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'mksquashfs'), '#!/bin/sh\ntouch started\nsleep 1000\n', {
    mode: 0o755,
  });
  const env = { PATH: `${folder}${delimiter}${process.env.PATH}` };
  const stages = stagesOf();
  let sibling = 'runs';
  const compressing = stages.stage('squashfs', 'x', async () => {
    const options = { cwd: folder, env, signal: stages.signal };
    await run('mksquashfs', [], options).catch((error: unknown) => {
      sibling = String(error);
    });
    return {};
  });
  const failing = stages.stage('initramfs', 'x', async () => {
    await vi.waitFor(() => expect(existsSync(join(folder, 'started'))).toBe(true), 30_000);
    throw new Error('a module is missing');
  });
  const both: ListrTask = {
    task: (_context, parent) => parent.newListr([compressing, failing], { concurrent: true }),
  };
  await expect(stages.run([both])).rejects.toThrow('a module is missing');
  expect(sibling).toContain('mksquashfs was cancelled');
});

test('cancelling a build cancels its stages', async () => {
  const cancel = new AbortController();
  const stages = stagesOf(cancel.signal);
  const waiting = stages.stage('iso', 'x', () => wait(1_000_000, {}, { signal: stages.signal }));
  const ended = expect(stages.run([waiting])).rejects.toThrow('aborted');
  cancel.abort();
  await ended;
});

test('a stage begins when the stages that it needs have ended, whatever else is running', async () => {
  const stages = stagesOf();
  const order: string[] = [];
  const gates = new Map(['packages', 'sea'].map((step) => [step, Promise.withResolvers<void>()]));
  const stage = (step: string, after: readonly ListrTask[] = []) =>
    stages.stage(
      step,
      step,
      async () => {
        order.push(step);
        await gates.get(step)?.promise;
        return {};
      },
      { after },
    );
  const packages = stage('packages');
  const sea = stage('sea');
  const kernel = stage('initramfs', [packages]);
  const rootfs = stage('squashfs', [packages, sea]);
  const all: ListrTask = {
    task: (_context, parent) =>
      parent.newListr([rootfs, kernel, packages, sea], { concurrent: true }),
  };
  const running = stages.run([all]);
  await vi.waitFor(() => expect(order).toEqual(['packages', 'sea']), 30_000);
  gates.get('packages')?.resolve();
  await vi.waitFor(() => expect(order).toEqual(['packages', 'sea', 'initramfs']), 30_000);
  gates.get('sea')?.resolve();
  await running;
  expect(order).toEqual(['packages', 'sea', 'initramfs', 'squashfs']);
});

test.each([1, 2])(
  'of stages side by side at most %i run at once, and in the end all have run',
  async (atOnce) => {
    const stages = stagesOf(undefined, atOnce);
    let [running, most] = [0, 0];
    const ended: string[] = [];
    const stage = (step: string, after: readonly ListrTask[] = []) =>
      stages.stage(
        step,
        step,
        async () => {
          running += 1;
          most = Math.max(most, running);
          await wait(1);
          running -= 1;
          ended.push(step);
          return {};
        },
        { after },
      );
    const packages = stage('packages');
    const others = ['initramfs', 'boot-loader', 'squashfs'].map((step) => stage(step, [packages]));
    await stages.run([stages.sideBySide('System', [packages, ...others])]);
    expect(most).toBeLessThanOrEqual(atOnce);
    expect(ended).toHaveLength(4);
  },
);

test('a stage that needs a failed one does not begin, nor do the stages that need it', async () => {
  const stages = stagesOf();
  const cause = new Error('a package is damaged');
  const packages = stages.stage('packages', 'x', () => Promise.reject(cause));
  const never = vi.fn(async () => ({}));
  const programs = stages.stage('sea', 'x', never, { after: [packages] });
  const rootfs = stages.stage('squashfs', 'x', never, { after: [programs] });
  const all: ListrTask = {
    task: (_context, parent) => parent.newListr([packages, programs, rootfs], { concurrent: true }),
  };
  await expect(stages.run([all])).rejects.toBe(cause);
  expect(never).not.toHaveBeenCalled();
});
