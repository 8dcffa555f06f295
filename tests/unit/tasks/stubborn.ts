import { execa } from 'execa';
import { inGroup } from '../../../build/process/child-group.ts';
import { Interrupt } from '../../../tasks/interrupt.ts';
import { prepareStreams } from '../../../tasks/ui/streams.ts';

// A program that is asked to end and does not: it waits for a child that nobody cancels.
prepareStreams();
using interrupt = new Interrupt();
const child = inGroup(execa('sleep', ['1000'], { detached: true, cleanup: false }), undefined);
interrupt.signal.addEventListener('abort', () => process.stdout.write('asked to end\n'));
process.stdout.write(`${child.pid}\n`);
await child;
