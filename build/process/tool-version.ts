import { QEMU_PACKAGES, type QemuProgram, type StripProgram } from '../architecture.ts';
import { BuildError } from '../error.ts';
import { run } from './run.ts';
import type { Tool } from './tools.ts';

/** How to ask a tool for its version, and how to find the version in its output. */
interface Question {
  args: readonly string[];
  pattern: RegExp;
}

const QUESTIONS = {
  mksquashfs: { args: ['-version'], pattern: /^mksquashfs version (.+)$/m },
  'grub-mkimage': { args: ['--version'], pattern: /^grub-mkimage \(GRUB\) (.+)$/m },
  mformat: { args: ['--version'], pattern: /^mformat \(GNU mtools\) (.+)$/m },
  'qemu-img': { args: ['--version'], pattern: /^qemu-img version (.+)$/m },
  xorriso: { args: ['--version'], pattern: /^xorriso version\s*:\s*(.+)$/m },
} satisfies Partial<Record<Tool, Question>>;

const QEMU: Question = { args: ['--version'], pattern: /^QEMU emulator version (.+)$/m };
const STRIP: Question = { args: ['--version'], pattern: /^GNU strip \(GNU Binutils.*\) (.+)$/m };

/** A tool whose version can be determined. */
export type VersionedTool = keyof typeof QUESTIONS | QemuProgram | StripProgram;

function questionFor(tool: VersionedTool): Question {
  if (isOneOf(QUESTIONS, tool)) return QUESTIONS[tool];
  return isOneOf(QEMU_PACKAGES, tool) ? QEMU : STRIP;
}

function isOneOf<Name extends string>(
  record: Readonly<Record<Name, unknown>>,
  name: string,
): name is Name {
  return Object.hasOwn(record, name);
}

/**
 * Returns the version of a host tool.
 * @throws BuildError if the tool is missing, or its output is not understood
 */
export async function readToolVersion(tool: VersionedTool): Promise<string> {
  const { args, pattern } = questionFor(tool);
  const answer = await run(tool, args);
  const version = pattern.exec(answer)?.[1];
  if (version !== undefined) return version.trim();
  throw new BuildError({
    what: `${tool} does not say its version: ${answer.split('\n')[0]}`,
    fix: 'Another program of this name comes first on PATH; remove it from there.',
  });
}
