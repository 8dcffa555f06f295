import { resolve } from 'node:path';
import { execa } from 'execa';
import { FakeTerminal } from '../screens/terminal.ts';
import { type Figure, median, secondsOf } from './measure.ts';

const QX = resolve(import.meta.dirname, '../../apps/qx.ts');
const SIZE = { columns: 80, rows: 24 };

/**
 * Measures how long `qx-console` takes to answer a key on this host: from the key to the screen that it asks for, on a
 * pseudo-terminal (script(1)) whose other end an emulator reads. The machine is not an appliance, so the screens show
 * read errors; the measurement includes that the screens do not wait for facts.
 */
export async function measureConsole(runs: number): Promise<Figure[]> {
  const terminal = new FakeTerminal(SIZE);
  const command = `stty columns ${SIZE.columns} rows ${SIZE.rows}; exec '${process.execPath}' '${QX}' qx-console`;
  const child = execa('script', ['--quiet', '--flush', '--command', command, '/dev/null'], {
    buffer: false,
    reject: false,
    stderr: 'inherit',
  });
  child.stdout.pipe(terminal.output);
  terminal.input.pipe(child.stdin);
  try {
    await terminal.see(/8 Shell/);
    const taken: number[] = [];
    const answer = async (key: string, screen: RegExp) => {
      const work = async () => {
        terminal.type(key);
        await terminal.see(screen);
      };
      taken.push(1000 * (await secondsOf(work)));
    };
    for (let run = 0; run < runs * 4; run += 1) {
      await answer('2', / - Network /);
      await answer('1', / - Status /);
    }
    return [
      {
        what: 'qx-console: a key is answered',
        value: median(taken),
        limit: 50,
        unit: 'ms',
        note: `${Math.max(...taken).toFixed(0)} ms at most`,
      },
    ];
  } finally {
    child.kill('SIGTERM');
    await child;
  }
}
