import { readdir } from 'node:fs/promises';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { openWorkshop } from './workshop.ts';

/** A terminal that is large enough for drawn progress, made by script(1), which forwards keys. */
const COMMAND =
  'stty cols 100 rows 40; exec "$NODE" tasks/qx-build.ts iso --profile qvdc --release';

test('Ctrl-C on a terminal that shows progress leaves no partial output', async () => {
  await using workshop = await openWorkshop({ programs: 'shared' });
  const building = execa('script', ['--quiet', '--return', '--command', COMMAND, '/dev/null'], {
    cwd: workshop.directory,
    env: {
      QUANTIX_CACHE: workshop.cache.root,
      TERM: 'xterm',
      CI: undefined,
      NODE: process.execPath,
    },
    stdin: 'pipe',
    reject: false,
  });
  const pressWhenCompressing = (chunk: Buffer) => {
    if (!/compress: \d+ %/.test(chunk.toString())) return;
    building.stdout.off('data', pressWhenCompressing);
    building.stdin.end('\x03');
  };
  building.stdout.on('data', pressWhenCompressing);
  const { exitCode, stdout } = await building;
  expect(stdout).toContain('Interrupted. Nothing half-made is left behind.');
  expect(exitCode).toBe(130);
  const left = await readdir(workshop.cache.steps, { recursive: true });
  expect(left.filter((path) => path.includes('.making-'))).toEqual([]);
});
