import { consoleProgram } from '../../apps/console/console.ts';
import type { Size } from '../../apps/console/kit/frame.ts';
import { runProgram } from '../../apps/console/kit/run.ts';
import type { Scene } from './scenes.ts';
import { FakeTerminal } from './terminal.ts';

/** A clock is shown as it is; a picture has always the same. */
const CLOCK = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/;

/** Plays a scene on an emulated terminal, with the consoles' own runner. @returns what is seen at its end */
export async function render({ product, deps, acts }: Scene, size: Size): Promise<string> {
  const terminal = new FakeTerminal(size);
  const ending = new AbortController();
  const ended = runProgram(consoleProgram(product, deps), terminal, ending.signal);
  for (const [keys, seen] of acts) {
    terminal.type(keys);
    await Promise.race([terminal.see(seen), ended.then(failEarly)]);
  }
  const text = await terminal.text();
  ending.abort();
  await ended;
  return text.replace(CLOCK, '2126-11-24 22:15:09 UTC');
}

function failEarly(status: number): never {
  throw new Error(`the console ended with ${status} in the middle of a scene`);
}
