import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import * as fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Commander, type TaskRun } from '../../../../../apps/agent/commands/commander.ts';
import { TaskFailure } from '../../../../../apps/agent/commands/failure.ts';
import { Journal } from '../../../../../apps/agent/commands/journal.ts';
import {
  type Task,
  TaskErrorCode,
  type TaskReport,
  TaskSchema,
  TaskState,
} from '../../../../../apps/proto/gen/quantix/v1/task_pb.js';
import { temporaryFolder } from '../../../folder.ts';

const VM = '9f1b2c3d-0000-4000-8000-00000000abcd';

function start(id: string, changes: MessageInitShape<typeof TaskSchema> = {}): Task {
  return create(TaskSchema, {
    id,
    expiresAt: timestampFromMs(Date.now() + 60_000),
    verb: { case: 'startVm', value: { vmId: VM } },
    ...changes,
  });
}

function idOf(index: number): string {
  return `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`;
}

/** A commander that runs `work` for each task that starts a machine. */
async function commander(folder: string, work: (taskRun: TaskRun) => Promise<void>) {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const lines: string[] = [];
  const commands = new Commander({
    journal: await Journal.open(`${folder}/tasks.json`, (line) => lines.push(line)),
    executors: {
      startVm: {
        objectOf: ({ verb }) => (verb.case === 'startVm' ? verb.value.vmId : ''),
        carryOut: async (taskRun) => {
          await work(taskRun);
          return {};
        },
      },
    },
    log: (line) => lines.push(line),
    now: () => Date.now(),
    signal: stop.signal,
  });
  const end = async (): Promise<TaskReport> => {
    for (;;) {
      const report = await commands.nextReport(stop.signal);
      if (report === undefined) throw new Error('nothing to report');
      commands.acknowledge(report);
      if (report.state === TaskState.DONE || report.state === TaskState.FAILED) return report;
    }
  };
  return { commands, end, stop, lines };
}

test('a task is executed once, however often it is delivered, also after a restart', async () => {
  const folder = await temporaryFolder();
  let done = 0;
  const work = async () => {
    done += 1;
  };
  const first = await commander(folder, work);
  for (let times = 0; times < 3; times += 1) first.commands.take(start(idOf(0)), 0);
  expect(await first.end()).toMatchObject({ state: TaskState.DONE, progressPercent: 100 });
  first.commands.take(start(idOf(0)), 0);
  expect(await first.end()).toMatchObject({ state: TaskState.DONE });
  const second = await commander(folder, work);
  second.commands.take(start(idOf(0)), 0);
  expect(await second.end()).toMatchObject({ state: TaskState.DONE });
  expect(done).toBe(1);
});

test('a task whose outcome cannot be recorded is not executed again when it is delivered again', async () => {
  const folder = join(await temporaryFolder(), 'node');
  await mkdir(folder);
  let done = 0;
  const { commands, end } = await commander(folder, async () => {
    done += 1;
    // From now on nothing can be written there.
    await rm(folder, { recursive: true });
    await writeFile(folder, '');
  });
  commands.take(start(idOf(0)), 0);
  await commands.idle();
  commands.take(start(idOf(0)), 0);
  await commands.idle();
  expect(await end()).toMatchObject({ state: TaskState.DONE });
  commands.take(start(idOf(0)), 0);
  expect(await end()).toMatchObject({ state: TaskState.DONE });
  expect(done).toBe(1);
});

test('an outcome that the control plane has not received is reported by the next run', async () => {
  const folder = await temporaryFolder();
  const first = await commander(folder, async () => undefined);
  first.commands.take(start(idOf(0)), 0);
  await first.commands.idle();
  const second = await commander(folder, async () => undefined);
  expect(await second.end()).toMatchObject({ taskId: idOf(0), state: TaskState.DONE });
});

test('an unfinished task is executed again after a restart, and its report numbers go on rising', async () => {
  const folder = await temporaryFolder();
  const begun = Promise.withResolvers<void>();
  const first = await commander(folder, async ({ progress }) => {
    for (let percent = 0; percent < 90; percent += 1) progress(percent, 'on its way');
    begun.resolve();
    await new Promise(() => undefined);
  });
  first.commands.take(start(idOf(0)), 0);
  await begun.promise;
  const told = await first.commands.nextReport(first.stop.signal);
  const again: boolean[] = [];
  const second = await commander(folder, async (taskRun) => {
    again.push(taskRun.again);
  });
  second.commands.take(start(idOf(0)), 0);
  const end = await second.end();
  expect(end.state).toBe(TaskState.DONE);
  expect(end.number).toBeGreaterThan(told?.number ?? Number.POSITIVE_INFINITY);
  expect(again).toEqual([true]);
});

test('a task that is expired, cancelled or unknown is not executed, and is reported', async () => {
  const { commands, end } = await commander(await temporaryFolder(), async () => {
    throw new Error('it was done');
  });
  commands.take(start(idOf(0), { expiresAt: timestampFromMs(Date.now() - 1) }), 0);
  expect(await end()).toMatchObject({ error: { code: TaskErrorCode.EXPIRED } });
  commands.take(create(TaskSchema, { ...start(idOf(1)), verb: { case: undefined } }), 0);
  expect(await end()).toMatchObject({ error: { code: TaskErrorCode.UNSUPPORTED } });
  commands.take(start(idOf(2)), 0);
  commands.cancel(idOf(2));
  expect(await end()).toMatchObject({ error: { code: TaskErrorCode.CANCELED } });
});

test('deadlines follow the control plane’s clock, not that of the host', async () => {
  const hour = 3_600_000;
  const { commands, end } = await commander(await temporaryFolder(), async () => undefined);
  commands.take(start(idOf(0), { expiresAt: timestampFromMs(Date.now() - hour + 60_000) }), hour);
  expect(await end()).toMatchObject({ state: TaskState.DONE });
  commands.take(start(idOf(1), { expiresAt: timestampFromMs(Date.now() + hour - 60_000) }), -hour);
  expect(await end()).toMatchObject({ error: { code: TaskErrorCode.EXPIRED } });
});

test('a task that waits does not expire because the clock is set', async () => {
  const going = Promise.withResolvers<void>();
  const { commands, end } = await commander(await temporaryFolder(), () => going.promise);
  commands.take(start(idOf(0)), 0);
  commands.take(start(idOf(1)), 0);
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 86_400_000);
  going.resolve();
  expect(await end()).toMatchObject({ taskId: idOf(0), state: TaskState.DONE });
  expect(await end()).toMatchObject({ taskId: idOf(1), state: TaskState.DONE });
});

test('a task without a deadline, on a host whose clock is behind, does not make the journal unreadable', async () => {
  const folder = await temporaryFolder();
  const { commands, end } = await commander(folder, async () => undefined);
  commands.take(create(TaskSchema, { ...start(idOf(0)), expiresAt: undefined }), -5000.5);
  expect(await end()).toMatchObject({ error: { code: TaskErrorCode.EXPIRED } });
  const next = await commander(folder, async () => undefined);
  expect(next.lines).toEqual([]);
});

test('a task that misses its deadline ends as a timeout, and the next one begins', async () => {
  const { commands, end } = await commander(await temporaryFolder(), async ({ signal, task }) => {
    if (task.id !== idOf(0)) return;
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    await promise;
  });
  commands.take(start(idOf(0), { expiresAt: timestampFromMs(Date.now() + 200) }), 0);
  commands.take(start(idOf(1)), 0);
  expect(await end()).toMatchObject({ taskId: idOf(0), error: { code: TaskErrorCode.TIMEOUT } });
  expect(await end()).toMatchObject({ taskId: idOf(1), state: TaskState.DONE });
});

test('a task that cannot be recorded is not executed', async () => {
  let done = false;
  const { commands, end } = await commander('/proc', async () => {
    done = true;
  });
  commands.take(start(idOf(0)), 0);
  expect(await end()).toMatchObject({ error: { code: TaskErrorCode.UNAVAILABLE } });
  expect(done).toBe(false);
});

test('a task without an id is logged and dropped; a bug is reported, and its stack logged', async () => {
  const { commands, end, lines } = await commander(await temporaryFolder(), async () => {
    throw new TypeError('a bug');
  });
  commands.take(start('../../etc'), 0);
  expect(lines).toEqual([expect.stringMatching(/without an id/)]);
  commands.take(start(idOf(0)), 0);
  expect(await end()).toMatchObject({
    error: { code: TaskErrorCode.UNSPECIFIED, message: expect.stringMatching(/a bug/) },
  });
  expect(lines.join('\n')).toMatch(/TypeError: a bug\n +at/);
});

test('with any deliveries and restarts each task is executed once, and its end reported', async () => {
  const event = fc.oneof(
    fc.record({ deliver: fc.nat({ max: 4 }) }),
    fc.constant({ restart: true }),
    fc.constant({ settle: true }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 25 }), async (events) => {
      const folder = await temporaryFolder();
      const done = new Map<string, number>();
      const work = async ({ task }: TaskRun) => {
        done.set(task.id, (done.get(task.id) ?? 0) + 1);
        if (task.id === idOf(4)) throw new TaskFailure(TaskErrorCode.CONFLICT, 'no');
      };
      let now = await commander(folder, work);
      const wanted = new Set<string>();
      for (const one of events) {
        if ('deliver' in one) {
          wanted.add(idOf(one.deliver));
          now.commands.take(start(idOf(one.deliver)), 0);
        } else if ('restart' in one) {
          // The agent is killed between two tasks; other tests kill it during a task.
          await now.commands.idle();
          now = await commander(folder, work);
        } else await now.commands.idle();
      }
      // The control plane sends the tasks again whose ends it has not received.
      for (const id of wanted) now.commands.take(start(id), 0);
      const ends = new Map<string, TaskState>();
      while (ends.size < wanted.size) {
        const { taskId, state } = await now.end();
        ends.set(taskId, state);
      }
      for (const id of wanted) {
        expect(done.get(id)).toBe(1);
        expect(ends.get(id)).toBe(id === idOf(4) ? TaskState.FAILED : TaskState.DONE);
      }
    }),
    { numRuns: 40 },
  );
});
