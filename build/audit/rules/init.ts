import type { FileEntry } from '../../tree/entry.ts';
import { isExecutable } from '../executables.ts';
import type { AuditOptions, Finding } from '../finding.ts';
import type { Survey } from '../survey.ts';

/** Maximum number of nested script interpreters that Linux follows (`exec_binprm` in fs/exec.c). */
const MOST_INTERPRETERS = 4;

/**
 * The kernel must be able to start the first program: it exists, is executable, and is a program for this architecture,
 * or a script whose interpreter is such a program. Other requirements, such as libraries, are checked by the rules
 * about all programs.
 */
export function checkInit(survey: Survey, { init }: AuditOptions): Finding[] {
  if (init === undefined) return [];
  const what = problem(survey, init);
  const fix = 'The system cannot start without it: check the package or overlay that contains it.';
  return what === undefined ? [] : [{ rule: 'init', path: init.path, what, fix }];
}

function problem(
  { tree, scripts, elf, damaged }: Survey,
  { path, machine }: NonNullable<AuditOptions['init']>,
): string | undefined {
  let program: FileEntry | undefined = tree.file(path);
  if (program === undefined) return 'is missing';
  if (!isExecutable(program)) return 'is not executable';
  for (let followed = 0; followed < MOST_INTERPRETERS; followed += 1) {
    const script = scripts.get(program.path);
    if (script === undefined) break;
    const [interpreter] = script.line.split(/[ \t\r]+/).filter((word) => word !== '');
    program = interpreter === undefined ? undefined : tree.file(interpreter);
    if (program === undefined) return `is a script for ${interpreter}, which is missing`;
  }
  if (damaged.has(program.path)) return undefined;
  const by = program.path === tree.file(path)?.path ? '' : `is run by /${program.path}, which `;
  const parsed = elf.get(program.path);
  if (parsed === undefined) return `${by}is neither a program nor a script`;
  return parsed.machine === machine ? undefined : `${by}is a program for another CPU`;
}
