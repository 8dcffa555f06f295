import { execa } from 'execa';
import { superviseGroup } from '../../../build/process/child-group.ts';
import { Interrupt } from '../../../tasks/interrupt.ts';
import { prepareStreams } from '../../../tasks/ui/streams.ts';

// A program that does not end on a signal, because it waits for a child that is not cancelled.
prepareStreams();
using interrupt = new Interrupt();
const child = superviseGroup(
  execa('sleep', ['1000'], { detached: true, cleanup: false }),
  undefined,
);
interrupt.signal.addEventListener('abort', () => process.stdout.write('asked to end\n'));
process.stdout.write(`${child.pid}\n`);
await child;
