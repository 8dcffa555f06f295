import { resolve } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { formatCompletionScript } from '../../../tasks/completion.ts';

const PROJECT = resolve(import.meta.dirname, '../../..');
const MAIN = resolve(PROJECT, 'tasks/qx-build.ts');
const script = formatCompletionScript('bash', [process.execPath, MAIN]);

/**
 * Returns the answers of bash's own completion for a line, with words split at COMP_WORDBREAKS as bash does.
 * @param words the words of the line; the cursor is in the last one
 */
async function complete(...words: string[]): Promise<string[]> {
  const call = `${script}
complete -p qx-build >/dev/null || exit 3
COMP_WORDS=(qx-build "$@"); COMP_CWORD=$#
_qx_build && printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { SHELL: '/bin/zsh' };
  const { stdout } = await execa('bash', ['-c', call, 'bash', ...words], { cwd: '/', env });
  return stdout.split('\n').filter((line) => line !== '');
}

describe('bash completes', { timeout: 300_000 }, () => {
  test('commands, and those of apk', async () => {
    expect(await complete('')).toEqual(expect.arrayContaining(['iso', 'qemu', 'apk']));
    expect(await complete('apk', '')).toEqual(['solve', 'tree', 'version', 'verify']);
  });

  test('options and their values', async () => {
    expect(await complete('iso', '--fr')).toEqual(['--frozen-lock']);
    expect(await complete('iso', '--ca')).toEqual(['--cache-dir']);
    expect(await complete('iso', '--pa')).toEqual(['--package']);
    expect(await complete('iso', '--format', '')).toEqual(['iso', 'raw', 'qcow2']);
    expect(await complete('iso', '--format', '=', 'q')).toEqual(['qcow2']);
    expect(await complete('iso', '--format', '=')).toEqual(['iso', 'raw', 'qcow2']);
  });

  test('profiles of the project', async () => {
    const profiles = await complete('qemu', '--firmware', 'bios', '--profile', 'q');
    expect(profiles).toEqual(['quantix-os', 'qvdc']);
  });

  test('nothing for an option without a list of values, so that bash offers files', async () => {
    expect(await complete('iso', '--keys-dir', 'x')).toEqual([]);
  });
});

test('the script makes qx-build a command in any folder, for any name of the project folder', async () => {
  const [node, main] = [process.execPath, "/srv/it's $HOME/qx-build.ts"];
  const text = formatCompletionScript('bash', [node, main]).replaceAll(`'${node}'`, "printf '%s|'");
  const { stdout } = await execa('bash', ['-c', `${text}\nqx-build iso 'a b'`], { cwd: '/' });
  expect(stdout).toBe(`${main}|iso|a b|`);
});

test('zsh gets a description of each answer', async () => {
  const line = [MAIN, '--get-yargs-completions', 'qx-build', 'iso', '--format=r'];
  const env = { SHELL: '/bin/zsh' };
  expect((await execa(process.execPath, line, { env })).stdout).toBe('--format=raw');
  const options = [MAIN, '--get-yargs-completions', 'qx-build', 'iso', '--fro'];
  expect((await execa(process.execPath, options, { env })).stdout).toContain(
    '--frozen-lock:Stop if the lock does not fit',
  );
});
