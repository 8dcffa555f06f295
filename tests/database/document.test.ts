import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROJECT } from '../../tasks/control-plane/image.ts';
import { type Stack, startStack } from '../../tasks/control-plane/stack.ts';
import { makeDatabase } from './database.ts';
import { DOCUMENT, readCommands, replaceSchema } from './document.ts';
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
