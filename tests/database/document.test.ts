import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { execa } from 'execa';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { fleetAlertsSchema } from '../../apps/api/alerts.ts';
import { auditVerdictSchema } from '../../apps/api/audit.ts';
import {
  fleetRolloutSchema,
  fleetTasksSchema,
  fleetTokensSchema,
  fleetUpdatesSchema,
} from '../../apps/api/fleet.ts';
import { type Database, openDatabase } from '../../apps/control-plane/database/database.ts';
import { raiseAlert } from '../../apps/control-plane/database/repositories/alerts.ts';
import {
  registerNode,
  setNodePhase,
} from '../../apps/control-plane/database/repositories/nodes.ts';
import {
  listUnfinishedTasks,
  recordTaskReport,
} from '../../apps/control-plane/database/repositories/tasks.ts';
import { readFirstLogIn } from '../../apps/control-plane/operator/client.ts';
import { TaskReportSchema, TaskState } from '../../apps/proto/gen/quantix/v1/task_pb.js';
import { type Stack, startStack } from '../../tasks/control-plane/stack.ts';
import { PROJECT } from '../../tasks/project.ts';
import { AcmeAuthority } from '../control-plane/acme-authority.ts';
import { makeCertificate } from '../control-plane/certificates.ts';
import { OURS, released } from '../unit/apps/control-plane/updates/trees.ts';
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

test('the document has its sixteen sections', () => {
  expect([...document.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)).toEqual([
    ...['Overview', 'PostgreSQL configuration', 'Users and authentication'],
    ...['Installation and boot sequence', 'Schema', 'Migrations', 'Repositories', 'Pooling'],
    ...['etcd', 'Redis', 'Development and production', 'Backup and recovery', 'Troubleshooting'],
    ...['Tuning', 'Security', 'Updates'],
  ]);
});

test('the schema in the document is that of a migrated database', async () => {
  await using made = await makeDatabase('migrated');
  expect(document).toBe(replaceSchema(document, await describeSchema(made.address)));
});

test('each command in the document is marked for an appliance or for a developer’s machine', () => {
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

/** Starts a host that has joined, with two virtual machines; it carries out tasks until it is disposed of. */
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
  await raiseAlert(db, {
    ...{ severity: 'WARNING', title: 'It is warm', message: '41 degrees' },
    ...{ sourceType: 'HOST', sourceId: NODE, sourceName: 'node7' },
  });
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

/** Version 0.2.0 in the tree that the control plane serves, signed by a key that it trusts. */
async function publishUpdate(folder: string): Promise<void> {
  await mkdir(join(folder, 'release-keys'));
  await writeFile(join(folder, 'release-keys/ours.pem'), OURS.pem);
  await released(join(folder, 'updates'), '0.2.0', { now: new Date() });
  const { uid, gid } = await stat(folder);
  await execa('chown', ['-R', `${uid}:${gid}`, folder]);
}

/** Runs a command of the control plane. @returns its output, parsed */
async function called(...words: string[]): Promise<unknown> {
  const command = ['apps/qx.ts', 'qx-controlplane', ...words];
  const args = [...command, '--json', '--config', stack.program.configFile];
  return JSON.parse((await execa(process.execPath, args, { cwd: PROJECT })).stdout);
}

const firstOf = (list: readonly { id: string }[]): string => list[0]?.id ?? 'none';

/** Placeholders of the document, and functions that return the values that an operator would write instead. */
const PLACEHOLDERS: Readonly<Record<string, () => Promise<string>>> = {
  TOKEN: async () => firstOf(fleetTokensSchema.parse(await called('token', 'list')).tokens),
  TASK: async () => firstOf(fleetTasksSchema.parse(await called('tasks', 'list')).tasks),
  ALERT: async () => firstOf(fleetAlertsSchema.parse(await called('alerts', 'list')).alerts),
  'N:HASH': async () => {
    const { head } = auditVerdictSchema.parse(await called('audit', 'verify'));
    return `${head.sequence}:${head.hash}`;
  },
};

test('the commands for operators work in the order of the document', {
  timeout: 300_000,
}, async () => {
  await using _host = await hostAtWork();
  await publishUpdate(join(stack.folder, 'controlplane'));
  // As on the appliance, the program is found by its name.
  const programs = join(stack.folder, 'bin');
  await mkdir(programs);
  const program = `exec '${process.execPath}' '${join(PROJECT, 'apps/qx.ts')}' qx-controlplane "$@" --config "$QX_CONFIG"`;
  await writeFile(join(programs, 'qx-controlplane'), `#!/bin/sh\n${program}\n`, { mode: 0o755 });
  const PATH = `${programs}${delimiter}${process.env.PATH ?? ''}`;
  const { pem, key: certificateKey } = await makeCertificate();
  await writeFile(join(stack.folder, 'qvdc.pem'), pem);
  await writeFile(join(stack.folder, 'qvdc.key'), certificateKey);
  await using authority = await AcmeAuthority.open();
  await writeFile(join(stack.folder, 'ca.pem'), authority.root.pem);
  const { people } = await readFirstLogIn({ socket: stack.program.socket });
  authority.tests = people?.port ?? 0;
  const operator = (await readCommands(OPERATOR_DOCUMENT)).filter(
    ({ place }) => place === 'appliance',
  );
  const unused = new Set(Object.keys(PLACEHOLDERS));
  for (const { command, line } of operator) {
    let given = command;
    for (const [word, find] of Object.entries(PLACEHOLDERS)) {
      if (!command.split(' ').includes(word)) continue;
      given = given.replace(word, await find());
      unused.delete(word);
    }
    const here = given
      .replaceAll('/root/', `${stack.folder}/`)
      .replaceAll('https://ca.example/acme/directory', authority.directory);
    const script = `. '${stack.variablesFile}'\n${here}`;
    const { stdout, stderr, exitCode } = await execa('sh', ['-ec', script], {
      ...{ cwd: PROJECT, env: { PATH }, reject: false },
    });
    expect({ line, stderr: exitCode === 0 ? '' : stderr, exitCode }).toEqual({
      ...{ line, stderr: '', exitCode: 0 },
    });
    expect(stdout).not.toBe('');
  }
  expect([...unused]).toEqual([]);
});

test('a roll-out proceeds without commands while its host sends heartbeats', {
  timeout: 120_000,
}, async () => {
  const address = addressOf(stack.postgresql.socketFolder, 'quantix_vdc');
  const database = openDatabase(address, { open: 2, idle: 1 }, SILENT);
  const { db } = database;
  const id = '22222222-2222-8222-8222-222222222222';
  await registerNode(db, { id, hostname: 'node8', managementIp: '10.0.0.8', spec: {} });
  const beat = async () => {
    await setNodePhase(db, id, 'READY');
    await sql`
      INSERT INTO node_heartbeats (node_id, epoch, sequence, received_at) VALUES (${id}, 1, 1, now())
      ON CONFLICT (node_id) DO UPDATE SET received_at = now()`.execute(db);
  };
  const updates = (...words: string[]) => called('updates', ...words);
  // The roll-out of the document ends when the control plane notices that its host was deleted.
  const running = async () => {
    const { rollouts } = fleetUpdatesSchema.parse(await updates('list'));
    return rollouts.filter(({ state }) => state === 'RUNNING');
  };
  await vi.waitFor(async () => expect(await running()).toEqual([]), 30_000);
  const rollout = fleetRolloutSchema.parse(await updates('start'));
  const unfinished = () => listUnfinishedTasks(db, id, new Date());
  const begun = async () => {
    await beat();
    expect(await unfinished()).toHaveLength(1);
  };
  await vi.waitFor(begun, { timeout: 60_000, interval: 100 });
  const [given] = await unfinished();
  expect(given?.task.verb).toMatchObject({ case: 'updateHost', value: { version: '0.2.0' } });
  const done = { taskId: given?.task.id ?? '', number: 1, state: TaskState.DONE };
  await recordTaskReport(db, id, create(TaskReportSchema, done), new Date());
  await vi.waitFor(
    async () => expect(await updates('show', rollout.id)).toMatchObject({ state: 'DONE' }),
    { timeout: 60_000, interval: 500 },
  );
  await database.close();
});
