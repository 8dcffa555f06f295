import { createConsoleProgram } from '../../apps/console/console.ts';
import type { Size } from '../../apps/console/kit/frame.ts';
import type { Program } from '../../apps/console/kit/program.ts';
import { runProgram } from '../../apps/console/kit/run.ts';
import { createInstallerProgram } from '../../apps/installer/screens/program.ts';
import type { InstallerScene } from './installer-scenes.ts';
import type { Act, Scene } from './scenes.ts';
import { FakeTerminal } from './terminal.ts';

/** Clocks on the screen, which pictures replace with a fixed time. */
const CLOCK = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/;

/** Plays a scene on an emulated terminal, with the consoles' own runner. @returns the screen at its end */
export function render({ product, deps, acts }: Scene, size: Size): Promise<string> {
  return play(createConsoleProgram(product, deps), acts, size);
}

/** Plays a scene of the installer in the same way. */
export function renderInstaller({ deps, acts }: InstallerScene, size: Size): Promise<string> {
  return play(createInstallerProgram('Quantix-OS 0.1.0', deps), acts, size);
}

/** Runs a program on an emulated terminal, and types. @returns the screen at the end */
export async function play<State, Event, Effect>(
  program: Program<State, Event, Effect>,
  acts: readonly Act[],
  size: Size,
): Promise<string> {
  const terminal = new FakeTerminal(size);
  const ending = new AbortController();
  const ended = runProgram(program, terminal, ending.signal);
  for (const [keys, seen] of acts) {
    terminal.type(keys);
    const late = new AbortController();
    const patience = failLate(seen, terminal, late.signal);
    await Promise.race([terminal.see(seen), ended.then(failEarly), patience]);
    late.abort();
  }
  const text = await terminal.text();
  ending.abort();
  await ended;
  return text.replace(CLOCK, '2126-11-24 22:15:09 UTC');
}

/** Milliseconds within which a screen must show a text, also on a busy machine. */
const SEEN_WITHIN = 60_000;

/** @throws Error with the screen after that time; it waits for ever once the signal is aborted */
async function failLate(seen: RegExp, terminal: FakeTerminal, signal: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, SEEN_WITHIN);
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });
  throw new Error(`the screen does not show ${seen}:\n${await terminal.text()}`);
}

function failEarly(status: number): never {
  throw new Error(`the console ended with ${status} in the middle of a scene`);
}
