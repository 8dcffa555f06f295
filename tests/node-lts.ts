/** Runs the unit tests of the programs on the oldest Node that they run on; options are passed on to vitest. */
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { olderNode } from './older-node.ts';

const PROJECT = resolve(import.meta.dirname, '..');

/** Folders of tests that run only the programs and their modules. */
const FOLDERS = ['apps', 'proto'];

const vitest = join(PROJECT, 'node_modules/vitest/vitest.mjs');
const folders = FOLDERS.map((name) => `tests/unit/${name}/`);
const { exitCode } = await execa(
  await olderNode(),
  [vitest, 'run', '--project', 'unit', ...folders, ...process.argv.slice(2)],
  { cwd: PROJECT, stdio: 'inherit', reject: false },
);
process.exitCode = exitCode ?? 1;
