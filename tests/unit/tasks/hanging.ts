import { execa } from 'execa';
import { inGroup } from '../../../build/process/child-group.ts';
import { Interrupt } from '../../../tasks/interrupt.ts';

// A program that is asked to end and does not hear it: it never comes back from what it does.
using _interrupt = new Interrupt();
const child = inGroup(execa('sleep', ['1000'], { detached: true, cleanup: false }), undefined);
process.stdout.write(`${child.pid}\nhanging\n`);
setImmediate(() => {
  for (;;);
});
await child;
