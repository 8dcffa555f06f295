import { isSea } from 'node:sea';
import { callOf, formatUsage } from './dispatch.ts';
import { PROGRAMS } from './programs.ts';
import { VERSION } from './version.ts';

/**
 * Runs `/usr/lib/quantix/qx`: all programs of an appliance in one executable, selected by the name by which it is
 * called.
 */
async function main(): Promise<number> {
  const names = Object.keys(PROGRAMS);
  // From source, the command line is `node apps/qx.ts NAME …`.
  const call = callOf(isSea() ? process.argv0 : 'qx', process.argv.slice(2), names);
  switch (call.kind) {
    case 'run': {
      const program = await PROGRAMS[call.program]?.();
      return program === undefined ? refuse(call.program, names) : program.main([...call.args]);
    }
    case 'version':
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case 'usage':
      process.stdout.write(`${formatUsage(names)}\n`);
      return 0;
    case 'unknown':
      return refuse(call.name, names);
  }
}

/** Reports an unknown program on standard error, with a list of the programs. @returns exit status 2: wrong usage */
function refuse(name: string, names: readonly string[]): number {
  process.stderr.write(`qx: there is no program ${JSON.stringify(name)}\n${formatUsage(names)}\n`);
  return 2;
}

// Sets the status instead of calling process.exit, so that pending output is still written.
void main().then((status) => {
  process.exitCode = status;
});
