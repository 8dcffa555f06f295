import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { Interrupt } from '../../../tasks/interrupt.ts';

// A program that ends in an orderly way, but slowly.
using interrupt = new Interrupt();
const working = setInterval(() => undefined, 1000);
process.stdout.write('working\n');
await once(interrupt.signal, 'abort');
clearInterval(working);
await wait(2000);
process.stdout.write('ended in order\n');
process.exitCode = interrupt.exitCode;
