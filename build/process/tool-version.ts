import { BuildError } from '../error.ts';
import { run } from './run.ts';

/** How each tool is asked for its version, and where in its answer the version stands. */
const QUESTIONS = {
  mksquashfs: { args: ['-version'], pattern: /^mksquashfs version (.+)$/m },
  'grub-mkimage': { args: ['--version'], pattern: /^grub-mkimage \(GRUB\) (.+)$/m },
  mformat: { args: ['--version'], pattern: /^mformat \(GNU mtools\) (.+)$/m },
  strip: { args: ['--version'], pattern: /^GNU strip \(GNU Binutils.*\) (.+)$/m },
  xorriso: { args: ['--version'], pattern: /^xorriso version\s*:\s*(.+)$/m },
  'qemu-system-x86_64': { args: ['--version'], pattern: /^QEMU emulator version (.+)$/m },
} as const;

/**
 * The version a host tool says it has.
 * @throws BuildError if the tool is missing, or its answer is not understood
 */
export async function toolVersion(tool: keyof typeof QUESTIONS): Promise<string> {
  const { args, pattern } = QUESTIONS[tool];
  const answer = await run(tool, args);
  const version = pattern.exec(answer)?.[1];
  if (version !== undefined) return version.trim();
  throw new BuildError({
    what: `${tool} does not say its version: ${answer.split('\n')[0]}`,
    fix: 'Another program of this name is first on PATH; take it off.',
  });
}
