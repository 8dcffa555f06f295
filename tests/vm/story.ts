import { join, resolve } from 'node:path';
import { expect, inject } from 'vitest';
import { cacheDirectory } from '../../build/cache/directory.ts';
import { findAcceleration } from '../../build/qemu/acceleration.ts';
import { badLines } from '../../build/qemu/bad-lines.ts';
import { Guest } from '../../build/qemu/guest.ts';
import type { Machine } from '../../build/qemu/machine.ts';
import type { Image } from './build-images.ts';

/** Where logs and pictures of the tests go. */
const ARTIFACTS = resolve(import.meta.dirname, '../../dist/tests');

/** A guest in a test, and where its log and pictures go. */
export interface Story extends AsyncDisposable {
  guest: Guest;
  /** Takes a picture of the screen. */
  screenshot(): Promise<void>;
  /** Looks for bad lines in all that was written; call it when the story is told. */
  expectGoodConsole(): void;
}

/** The image of a profile. */
export function imageOf(profile: string): Image {
  const image = inject('images')[profile];
  if (image === undefined) throw new Error(`no image of ${profile} was built`);
  return image;
}

/** Boots a machine for a test. */
export async function boot(name: string, machine: Machine): Promise<Story> {
  const memory = join(cacheDirectory().root, 'acceleration.json');
  const acceleration = await findAcceleration(imageOf('quantix-os').kernel, memory);
  const log = join(ARTIFACTS, `${name}.log`);
  const guest = await Guest.start(machine, { acceleration, log });
  return {
    guest,
    screenshot: () => guest.screenshot(join(ARTIFACTS, `${name}.png`)),
    expectGoodConsole: () => {
      expect(badLines(guest.log).map(({ sign, line }) => `${sign}: ${line}`)).toEqual([]);
    },
    [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose](),
  };
}

/**
 * Opens a shell of root on the serial port, through the console: no password is set. What was written before `from` does
 * not count.
 */
export async function logIn({ guest }: Story, from = 0): Promise<void> {
  await guest.waitFor(/Press Enter to use the console/, from);
  const enter = guest.mark;
  guest.type('');
  await guest.waitFor(/8 Shell/, enter);
  const shell = guest.mark;
  guest.send('8');
  await guest.waitFor(/~ # /, shell);
  const wide = guest.mark;
  // A command that is longer than the line would be echoed in pieces.
  guest.type('stty cols 9999');
  await guest.waitFor(/~ # /, wide);
}

/**
 * Runs a command in the guest's shell.
 * @returns what it wrote
 * @throws if it fails
 */
export async function succeed({ guest }: Story, command: string): Promise<string> {
  const from = guest.mark;
  guest.type(`${command}; echo "[exit $?]"`);
  const [, output = '', status] = await guest.waitFor(/\$\?\]"\n([\s\S]*?)\[exit (\d+)\]\n/, from);
  expect(status, `${command}\n${output}`).toBe('0');
  return output;
}
