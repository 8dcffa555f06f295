import { execa } from 'execa';
import { superviseGroup } from '../../../build/process/child-group.ts';
import { Interrupt } from '../../../tasks/interrupt.ts';

// A program that cannot react to a signal, because it never returns to its event loop.
using _interrupt = new Interrupt();
const child = superviseGroup(
  execa('sleep', ['1000'], { detached: true, cleanup: false }),
  undefined,
);
process.stdout.write(`${child.pid}\nhanging\n`);
setImmediate(() => {
  for (;;);
});
await child;
