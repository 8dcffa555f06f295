import { isSea } from 'node:sea';
import { callOf, usage } from './dispatch.ts';
import { PROGRAMS } from './programs.ts';
import { VERSION } from './version.ts';

/** `/usr/lib/quantix/qx`: all programs of an appliance in one executable, told apart by the name it is called by. */
async function main(): Promise<number> {
  const names = Object.keys(PROGRAMS);
  // From its source it is called as `node apps/qx.ts NAME …`.
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
      process.stdout.write(`${usage(names)}\n`);
      return 0;
    case 'unknown':
      return refuse(call.name, names);
  }
}

/** Says which programs there are. The exit status is that of wrong usage. */
function refuse(name: string, names: readonly string[]): number {
  process.stderr.write(`qx: there is no program ${JSON.stringify(name)}\n${usage(names)}\n`);
  return 2;
}

// The status is set once the program ended, and what it still writes is waited for.
void main().then((status) => {
  process.exitCode = status;
});
