import { readdir, readFile, writeFile } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatJournal,
  Journal,
  parseJournal,
} from '../../../../../apps/agent/commands/journal.ts';
import { parseKeptSpec } from '../../../../../apps/agent/commands/kept-specs.ts';
import {
  type TaskReport,
  TaskReportSchema,
  TaskState,
} from '../../../../../apps/proto/gen/quantix/v1/task_pb.js';
import { temporaryFolder } from '../../../folder.ts';

const nothing = () => undefined;

function idOf(index: number): string {
  return `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`;
}

function report(index: number, state = TaskState.DONE): TaskReport {
  return create(TaskReportSchema, { taskId: idOf(index), state, number: 3 });
}

test('notes survive a restart of the agent, and reported outcomes are not reported again', async () => {
  const file = `${await temporaryFolder()}/tasks.json`;
  const journal = await Journal.open(file, nothing);
  await journal.note(report(0), { expiresAt: 10, now: 0 });
  await journal.note(report(1, TaskState.RUNNING), { expiresAt: 10, now: 0 });
  journal.acknowledge(idOf(0));
  await journal.note(report(2), { expiresAt: 10, now: 0 });
  const next = await Journal.open(file, nothing);
  expect(next.get(idOf(1))?.report.state).toBe(TaskState.RUNNING);
  expect(next.untold().map(({ taskId }) => taskId)).toEqual([idOf(2)]);
});

test('simultaneous notes are all on the disk once they are done', async () => {
  const file = `${await temporaryFolder()}/tasks.json`;
  const journal = await Journal.open(file, nothing);
  const times = Array.from({ length: 50 }, (_, index) => index);
  await Promise.all(
    times.map(async (index) => {
      await journal.note(report(index), { expiresAt: 10, now: 0 });
      expect(parseJournal(await readFile(file, 'utf8'))?.has(idOf(index))).toBe(true);
    }),
  );
});

test('the journal is bounded: reported and expired tasks are removed first, running ones last', async () => {
  const file = `${await temporaryFolder()}/tasks.json`;
  const many = Array.from({ length: 1000 }, (_, index) => ({
    report: report(index, index === 0 ? TaskState.RUNNING : TaskState.DONE),
    expiresAt: index < 500 ? 10 : 1000,
    told: index > 0,
  }));
  await writeFile(file, formatJournal(many));
  const journal = await Journal.open(file, nothing);
  for (let index = 1000; index < 1010; index += 1) {
    await journal.note(report(index), { expiresAt: 1000, now: 100 });
  }
  const kept = parseJournal(await readFile(file, 'utf8'));
  expect(kept?.size).toBe(1000);
  expect(kept?.has(idOf(0))).toBe(true);
  expect(kept?.has(idOf(1))).toBe(false);
  expect(kept?.has(idOf(999))).toBe(true);
});

test('a note that cannot be written is not in the journal', async () => {
  const journal = await Journal.open('/proc/nowhere/tasks.json', nothing);
  const times = { expiresAt: 10, now: 0 };
  await expect(journal.note(report(0, TaskState.RUNNING), times)).rejects.toThrow();
  expect(journal.get(idOf(0))).toBeUndefined();
  // Except for an end: the task is not to be done again.
  await expect(journal.note(report(0), times)).rejects.toThrow();
  expect(journal.get(idOf(0))?.report.state).toBe(TaskState.DONE);
});

test.each([
  '',
  '{',
  '[]',
  'null',
  '{"version":1}',
  '{"version":2,"tasks":[]}',
  '{"version":1,"tasks":[{}]}',
  '{"version":1,"tasks":[{"report":{"taskId":"x"},"expiresAt":1,"told":true}]}',
  `{"version":1,"tasks":[{"report":{"taskId":"${idOf(0)}","state":"NO"},"expiresAt":1,"told":true}]}`,
  `{"version":1,"tasks":[{"report":{"taskId":"${idOf(0)}"},"expiresAt":-1,"told":true}]}`,
  '\u0000'.repeat(1000),
])('a file that is not a journal is set aside and reported: %j', async (text) => {
  const folder = await temporaryFolder();
  const lines: string[] = [];
  await writeFile(`${folder}/tasks.json`, text);
  const journal = await Journal.open(`${folder}/tasks.json`, (line) => lines.push(line));
  expect(journal.untold()).toEqual([]);
  expect(lines).toEqual([expect.stringMatching(/set aside as .*tasks\.json\.rejected/)]);
  expect(await readdir(folder)).toEqual(['tasks.json.rejected']);
});

test('the parsers of stored files accept or reject any text without throwing', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
      parseJournal(text);
      parseKeptSpec(text);
    }),
  );
});
