import { isMessage } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Commander, type Executor } from '../../../../../apps/agent/commands/commander.ts';
import { Journal } from '../../../../../apps/agent/commands/journal.ts';
import { ReportTaskRequestSchema } from '../../../../../apps/proto/gen/quantix/v1/node_service_pb.js';
import { type Task, TaskState } from '../../../../../apps/proto/gen/quantix/v1/task_pb.js';
import { members } from './agent.ts';

/*
 * Watch and ReportTask over a network that loses, doubles and delays messages. There are few failures, because the
 * pauses after them take real time.
 */

const VM = '9f1b2c3d-0000-4000-8000-00000000abcd';

/** Fates of the next report of a task. */
const DELIVERIES = ['lost', 'answer lost', 'doubled'] as const;

const event = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'task' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('again' as const), which: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('report' as const),
      delivery: fc.constantFrom(...DELIVERIES),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'cut' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
);

test('after any loss of tasks and reports, each task is executed once, and its end is reported', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 3, maxLength: 9 }), async (events) => {
      const { plane, agent } = await members();
      const done = new Set<string>();
      const begun = new Map<string, number>();
      const startVm: Executor = {
        objectOf: () => VM,
        carryOut: async ({ task, again }) => {
          done.add(task.id);
          if (!again) begun.set(task.id, (begun.get(task.id) ?? 0) + 1);
          return {};
        },
      };
      await agent.stop();
      agent.openCommands = async () =>
        new Commander({
          journal: await Journal.open(`${agent.folder}/tasks.json`, (line) => {
            throw new Error(line);
          }),
          executors: { startVm },
          log: () => undefined,
          now: Date.now,
          signal: agent.signal,
        });
      const start = async () => {
        await agent.start();
        await agent.clock.skip();
        await plane.node().tasks.watched();
      };
      await start();
      const { tasks } = plane.node();
      const deliveries: (typeof DELIVERIES)[number][] = [];
      plane.fault = {
        before: ({ method }) => {
          if (method !== 'reportTask' || deliveries[0] !== 'lost') return;
          deliveries.shift();
          throw new ConnectError('lost', Code.Unavailable);
        },
        after: ({ method, request }) => {
          if (method !== 'reportTask' || deliveries.length === 0) return;
          const delivery = deliveries.shift();
          if (delivery === 'answer lost') throw new ConnectError('lost', Code.Unavailable);
          if (isMessage(request, ReportTaskRequestSchema)) tasks.report(request.report);
        },
      };
      const given: Task[] = [];
      for (const one of events) {
        if (one.kind === 'task') {
          const id = tasks.give({ verb: { case: 'startVm', value: { vmId: VM } } });
          given.push(tasks.taskOf(id));
        } else if (one.kind === 'again') {
          // Tasks are also sent again late: after other tasks, and after their own end.
          const task = given[one.which % Math.max(given.length, 1)];
          if (task !== undefined) tasks.send({ case: 'task', value: task });
        } else if (one.kind === 'report') {
          if (deliveries.length === 0) deliveries.push(one.delivery);
        } else if (one.kind === 'cut') plane.api.cut();
        else {
          await agent.stop();
          await start();
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const ends = await Promise.all(given.map(({ id }) => tasks.ended(id)));
      for (const [index, { id }] of given.entries()) {
        expect(ends[index]?.state).toBe(TaskState.DONE);
        expect(done.has(id)).toBe(true);
        expect(begun.get(id) ?? 0).toBeLessThanOrEqual(1);
        const finals = tasks.reports.filter(
          ({ taskId, state }) => taskId === id && state === TaskState.FAILED,
        );
        expect(finals).toEqual([]);
      }
      await agent.stop();
    }),
    { numRuns: 6 },
  );
}, 300_000);
