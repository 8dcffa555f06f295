import { resolve } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { formatCompletionScript } from '../../../../apps/control-plane/commands/completion.ts';
import { operate } from '../../../../apps/control-plane/commands/operate.ts';
import { OPTIONS_OF, VERBS_OF } from '../../../../apps/control-plane/operator/options.ts';

const PROJECT = resolve(import.meta.dirname, '../../../..');
const PROGRAM = [resolve(PROJECT, 'apps/qx.ts'), 'qx-controlplane'];

/** Returns bash's answers for a line in the project's folder, whose last word is at the cursor. */
async function complete(...words: string[]): Promise<string[]> {
  const call = `${formatCompletionScript('bash')}
complete -p qx-controlplane >/dev/null || exit 3
COMP_WORDS=(qx-controlplane "$@"); COMP_CWORD=$#
_qx_controlplane && printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await execa('bash', ['-uc', call, 'bash', ...words], { cwd: PROJECT });
  return stdout.split('\n').filter((line) => line !== '');
}

test('bash completes commands, verbs, options, values and files of qx-controlplane', async () => {
  expect(await complete('ba')).toEqual(['backup']);
  expect(await complete('vms', 's')).toEqual(['show', 'start', 'shutdown', 'stop']);
  expect(await complete('--config', 'x', 'nodes', 'ma')).toEqual(['maintenance']);
  expect(await complete('nodes', 'maintenance', '--reason', 'why', 'node7', '')).toEqual([
    ...['on', 'off'],
  ]);
  expect(await complete('token', 'create', '--u')).toEqual(['--uses']);
  expect(await complete('token', 'create', '--uses', '2', '--e')).toEqual(['--expires']);
  expect(await complete('token', 'list', '--')).toEqual(['--json', '--config', '--help']);
  expect(await complete('users', 'add', 'ada', '--role', 'o')).toEqual(['operator']);
  expect(await complete('users', 'add', 'ada', '--role', '=')).toEqual([
    ...['viewer', 'operator', 'admin'],
  ]);
  expect(await complete('users', 'add', 'ada', '--role', '=', 'a')).toEqual(['admin']);
  expect(await complete('restore', 'READ')).toEqual(['README.md']);
  expect(await complete('restore', 'README.md', '--k')).toEqual(['--keep-configuration']);
  expect(await complete('certificate', 'set', '--cert', 'READ')).toEqual(['README.md']);
  expect(await complete('nodes', 'show', 'READ')).toEqual([]);
});

test('bash completes exactly the commands of the help', async () => {
  const { stdout } = await execa(process.execPath, [...PROGRAM, '--help']);
  const [, commands = ''] = /COMMAND\n([\s\S]*)\n {2}NODE, VM/.exec(stdout) ?? [];
  const named = [...commands.matchAll(/^ {2}([a-z]+)/gm)].map(([, command]) => command ?? '');
  expect((await complete('')).sort()).toEqual([...new Set(named)].sort());
  for (const [command, verbs] of Object.entries(VERBS_OF)) {
    expect(await complete(command, '')).toEqual(verbs);
    for (const verb of verbs) expect(commands).toMatch(new RegExp(`\\b${verb}\\b`));
  }
  for (const command of Object.keys(OPTIONS_OF)) {
    const [first = '', second = ''] = command.split(' ');
    expect(await complete(first, second)).toContain(second);
  }
});

test('each command has the completed verbs, and names them when it refuses another one', async () => {
  const operating = {
    ...({ form: 'text', values: {}, socket: '/nonexistent/controlplane.sock' } as const),
    signal: new AbortController().signal,
    ...{ tell: () => undefined, print: async () => undefined, askLine: async () => undefined },
  };
  for (const [name, verbs] of Object.entries(VERBS_OF)) {
    const command = name as keyof typeof VERBS_OF;
    const refusal = `${name} is followed by ${verbs.slice(0, -1).join(', ')} or ${verbs.at(-1)}`;
    await expect(operate(command, ['nothing'], operating)).rejects.toThrow(refusal);
    for (const verb of verbs) {
      await expect(operate(command, [verb, 'a', 'b'], operating)).rejects.not.toThrow(refusal);
    }
  }
});

test('another shell is refused', async () => {
  const { exitCode, stderr } = await execa(process.execPath, [...PROGRAM, 'completion', 'zsh'], {
    reject: false,
  });
  expect({ exitCode, stderr }).toMatchObject({
    ...{ exitCode: 2, stderr: expect.stringContaining('completion is followed by bash') },
  });
});
