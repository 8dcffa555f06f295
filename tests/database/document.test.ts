import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { execa } from 'execa';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../apps/control-plane/database/database.ts';
import { registerNode } from '../../apps/control-plane/database/repositories/nodes.ts';
import {
  listUnfinishedTasks,
  recordTaskReport,
} from '../../apps/control-plane/database/repositories/tasks.ts';
import { TaskReportSchema, TaskState } from '../../apps/proto/gen/quantix/v1/task_pb.js';
import { PROJECT } from '../../tasks/control-plane/image.ts';
import { type Stack, startStack } from '../../tasks/control-plane/stack.ts';
import { addressOf, makeDatabase, SILENT } from './database.ts';
import { DOCUMENT, OPERATOR_DOCUMENT, readCommands, replaceSchema } from './document.ts';
import { describeSchema } from './generate-schema.ts';

const document = await readFile(DOCUMENT, 'utf8');
const commands = await readCommands();

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack[Symbol.asyncDispose]());

test('the document has the sixteen parts', () => {
  expect([...document.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)).toEqual([
    ...['Overview', 'PostgreSQL configuration', 'Users and authentication'],
    ...['Installation and boot sequence', 'Schema', 'Migrations', 'Repositories', 'Pooling'],
    ...['etcd', 'Redis', 'Development and production', 'Backup and recovery', 'Troubleshooting'],
    ...['Tuning', 'Security', 'Updates'],
  ]);
});

test('its schema is the migrated one', async () => {
  await using made = await makeDatabase('migrated');
  expect(document).toBe(replaceSchema(document, await describeSchema(made.address)));
});

test('each of its commands is for an appliance or for a developer’s machine', () => {
  const places = Map.groupBy(commands, ({ place }) => place);
  expect([...places.keys()].sort()).toEqual(['appliance', 'development']);
  for (const { command } of commands) expect(command.trim()).not.toBe('');
});

test.each(commands.filter(({ place }) => place === 'development'))(
  'line $line works on a developer’s machine: $command',
  async ({ command }) => {
    const { stdout } = await execa('sh', ['-ec', `. '${stack.variablesFile}'\n${command}`], {
      cwd: PROJECT,
    });
    expect(stdout).not.toContain('(0 rows)');
  },
);

const NODE = '11111111-1111-8111-8111-111111111111';

/** A host that has joined, with two virtual machines; it does what it is told. Until it is disposed of. */
async function hostAtWork(): Promise<AsyncDisposable> {
  const address = addressOf(stack.postgresql.socketFolder, 'quantix_vdc');
  const database: Database = openDatabase(address, { open: 2, idle: 1 }, SILENT);
  const { db } = database;
  await registerNode(db, { id: NODE, hostname: 'node7', managementIp: '10.0.0.7', spec: {} });
  await sql`
    INSERT INTO node_heartbeats (node_id, epoch, sequence, received_at) VALUES (${NODE}, 1, 1, now())`.execute(
    db,
  );
  await sql`
    INSERT INTO virtual_machines (name, project_id, node_id, power_state, last_seen)
    SELECT name, '00000000-0000-0000-0000-000000000001', ${NODE}, 'SHUT_OFF', now()
    FROM unnest(ARRAY['web', 'mail']) AS name`.execute(db);
  const ending = new AbortController();
  const work = async () => {
    while (!ending.signal.aborted) {
      for (const { task } of await listUnfinishedTasks(db, NODE, new Date())) {
        const done = { taskId: task.id, number: 1, state: TaskState.DONE };
        await recordTaskReport(db, NODE, create(TaskReportSchema, done), new Date());
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const working = work();
  return {
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await working;
      await database.close();
    },
  };
}

test('the commands for operators work, in their order', { timeout: 180_000 }, async () => {
  await using _host = await hostAtWork();
  // As on the appliance, the program is found by its name.
  const programs = join(stack.folder, 'bin');
  await mkdir(programs);
  const program = `exec '${process.execPath}' '${join(PROJECT, 'apps/qx.ts')}' qx-controlplane "$@" --config "$QX_CONFIG"`;
  await writeFile(join(programs, 'qx-controlplane'), `#!/bin/sh\n${program}\n`, { mode: 0o755 });
  const PATH = `${programs}${delimiter}${process.env.PATH ?? ''}`;
  const operator = await readCommands(OPERATOR_DOCUMENT);
  expect(operator.length).toBeGreaterThan(10);
  for (const { command, line } of operator) {
    const script = `. '${stack.variablesFile}'\n${command}`;
    const { stdout, stderr, exitCode } = await execa('sh', ['-ec', script], {
      ...{ cwd: PROJECT, env: { PATH }, reject: false },
    });
    expect({ line, stderr: exitCode === 0 ? '' : stderr, exitCode }).toEqual({
      ...{ line, stderr: '', exitCode: 0 },
    });
    expect(stdout).not.toBe('');
  }
});
