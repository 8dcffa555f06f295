import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { PROJECT } from '../../../../tasks/project.ts';

/** Runs a program with its output redirected by shell text. @returns its exit status and standard error */
async function run(
  program: string,
  redirection: string,
): Promise<{ status: string; told: string }> {
  const script = `{ "$0" apps/qx.ts ${program}; echo "$?" >&3; } ${redirection}`;
  const { stdio } = await execa('sh', ['-c', script, process.execPath], {
    ...{ cwd: PROJECT, stdio: ['ignore', 'ignore', 'pipe', 'pipe'], reject: false },
  });
  return { status: String(stdio[3]), told: String(stdio[2]) };
}

describe.each(['qx-controlplane --help', 'qx-disk --version'])('the output of %s', (program) => {
  test('to a reader that has gone away is no failure', async () => {
    expect(await run(program, '| :')).toEqual({ status: '0', told: '' });
  });

  test('to a full disk is reported in one line', async () => {
    expect(await run(program, '>/dev/full')).toEqual({
      ...{ status: '1', told: expect.stringMatching(/^the output cannot be written: ENOSPC.*$/) },
    });
  });
});
