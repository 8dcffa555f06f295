import { nameOf } from '../../tree/path.ts';
import type { Tree } from '../../tree/tree.ts';
import { findExecutable, isExecutable } from '../executables.ts';
import type { Finding } from '../finding.ts';
import { SNIFFED, type Survey } from '../survey.ts';

const RULE = 'interpreter';

/** The interpreter of an executable script (execve(2)), and the command that `env` looks up, must be in the tree. */
export function findMissingInterpreters({ tree, scripts }: Survey): Finding[] {
  const findings: Finding[] = [];
  for (const { file, line } of scripts.values()) {
    if (!isExecutable(file)) continue;
    const what = problem(tree, line);
    const fix = 'Add the package that has the interpreter, or leave the script out.';
    if (what !== undefined) findings.push({ rule: RULE, path: file.path, what, fix });
  }
  return findings;
}

function problem(tree: Tree, line: string): string | undefined {
  const words = line.split(/[ \t\r]+/).filter((word) => word !== '');
  const interpreter = words.shift();
  if (interpreter === undefined) return 'is a script that names no interpreter';
  if (Buffer.byteLength(line) > SNIFFED - 3 && words.length === 0) {
    return 'is a script whose interpreter has a longer path than the kernel reads';
  }
  if (!interpreter.startsWith('/'))
    return `is a script for ${interpreter}, which is not an absolute path`;
  if (findExecutable(tree, interpreter) === undefined) return missing(interpreter);
  if (nameOf(interpreter) !== 'env') return undefined;
  const command = words.find((word) => !word.startsWith('-') && !word.includes('='));
  return command === undefined || findExecutable(tree, command) !== undefined
    ? undefined
    : missing(command);
}

function missing(interpreter: string): string {
  return `is a script for ${interpreter}, which is missing`;
}
