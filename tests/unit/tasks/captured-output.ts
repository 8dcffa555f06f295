import { beforeEach, vi } from 'vitest';

/** The output on stdout and stderr since the test began, or since it was last cleared. */
export interface CapturedOutput {
  printed: string;
  complained: string;
}

/** Captures what each test of a file writes to stdout and stderr, instead of showing it. */
export function captureOutput(): CapturedOutput {
  const output: CapturedOutput = { printed: '', complained: '' };
  const capture = (stream: NodeJS.WriteStream, name: keyof CapturedOutput) =>
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      output[name] += String(text);
      return true;
    });
  beforeEach(() => {
    output.printed = '';
    output.complained = '';
    const streams = [capture(process.stdout, 'printed'), capture(process.stderr, 'complained')];
    return () => {
      for (const stream of streams) stream.mockRestore();
    };
  });
  return output;
}
