import { join, resolve } from 'node:path';
import { expect, inject } from 'vitest';
import { DEFAULT_ARCHITECTURE } from '../../build/architecture.ts';
import { cacheDirectory } from '../../build/cache/directory.ts';
import { findAcceleration } from '../../build/qemu/acceleration.ts';
import { findBadLines } from '../../build/qemu/bad-lines.ts';
import { Guest } from '../../build/qemu/guest.ts';
import type { Machine } from '../../build/qemu/machine.ts';
import { findMilestones } from '../../build/qemu/milestones.ts';
import { awaitShell, openShell, runInShell } from '../../build/qemu/shell.ts';
import type { Image } from './build-images.ts';

/** Folder for the logs and screenshots of the tests. */
const ARTIFACTS = resolve(import.meta.dirname, '../../dist/tests');

/** A guest in a test, with its log and screenshots. */
export interface Story extends AsyncDisposable {
  guest: Guest;
  /** Takes a picture of the screen. */
  screenshot(): Promise<void>;
  /** Checks that the whole log has no bad lines; call it at the end of the test. */
  expectGoodConsole(): void;
}

/** Whether to run long tests as well, whose parts are also covered by faster tests: `QUANTIX_LONG=yes make test-vm`. */
export const LONG = process.env.QUANTIX_LONG === 'yes';

/** The image of a profile. */
export function imageOf(profile: string): Image {
  const image = inject('images')[profile];
  if (image === undefined) throw new Error(`no image of ${profile} was built`);
  return image;
}

/**
 * Boots a machine for a test. Without `cpus`, it has one CPU: two machines run at a time, each on a processor of the
 * host.
 * @param menu what happens at the boot loader's menu: `nobody` waits for its timeout, `enter` skips the timeout, and
 *   `install` chooses the second entry, which installs
 */
export async function boot(
  name: string,
  machine: Machine,
  menu: 'nobody' | 'enter' | 'install' = 'enter',
): Promise<Story> {
  const memory = join(cacheDirectory().root, 'acceleration.json');
  const { architecture = DEFAULT_ARCHITECTURE } = machine;
  const acceleration = await findAcceleration(imageOf('quantix-os').kernel, architecture, memory);
  const log = join(ARTIFACTS, `${name}.log`);
  await using untilReturned = new AsyncDisposableStack();
  const guest = untilReturned.use(
    await Guest.start({ cpus: 1, ...machine }, { acceleration, log }),
  );
  if (menu !== 'nobody') {
    await guest.waitFor(/GNU GRUB/);
    guest.send(menu === 'install' ? '\x1b[B\r' : '\r');
  }
  const kept = untilReturned.move();
  return {
    guest,
    screenshot: () => guest.screenshot(join(ARTIFACTS, `${name}.png`)),
    expectGoodConsole: () => {
      expect(findBadLines(guest.log).map(({ sign, line }) => `${sign}: ${line}`)).toEqual([]);
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Waits until the machine and its network are ready, and checks that all milestones have been passed. */
export async function untilReady({ guest }: Story): Promise<void> {
  await guest.waitForMilestone('ready');
  await guest.waitForMilestone('network');
  const milestones = [...findMilestones(guest.log).keys()];
  expect(milestones).toEqual(['kernel', 'medium', 'root', 'network', 'ready']);
}

/** Opens a shell of root on the serial port, through the console: no password is set. */
export async function logIn({ guest }: Story): Promise<void> {
  await openShell(guest);
  await awaitShell(guest);
}

/** Opens such a shell after another boot. @param from a mark from before that boot */
export async function logInAfter({ guest }: Story, from: number): Promise<void> {
  await guest.waitForMilestone('ready', from);
  await guest.waitFor(/Press Enter to use the console/, from);
  let { mark } = guest;
  guest.type('');
  await guest.waitFor(/8 Shell/, mark);
  mark = guest.mark;
  guest.send('8');
  await guest.waitFor(/~ # /, mark);
  mark = guest.mark;
  // Otherwise, a command longer than the line would be echoed in pieces.
  guest.type('stty cols 999');
  await guest.waitFor(/~ # /, mark);
}

/** Opens such a shell if root has a password. */
export async function logInWith(password: string, { guest }: Story): Promise<void> {
  await openShell(guest);
  await guest.waitFor(/Password of root/);
  guest.send(`${password}\r`);
  await awaitShell(guest);
}

/**
 * Runs a command in the guest's shell.
 * @returns its output
 * @throws if it fails
 */
export async function succeed({ guest }: Story, command: string): Promise<string> {
  const { output, status } = await runInShell(guest, command);
  expect(status, `${command}\n${output}`).toBe(0);
  return output;
}

/** Repeats a command in the guest's shell until it succeeds. */
export async function untilSucceeds(story: Story, command: string): Promise<void> {
  await succeed(story, `until ${command}; do usleep 500000; done`);
}

/**
 * Returns a command that kills a process and waits for its successor.
 * @param find a command that prints the process ID
 */
export function killUntilReplaced(find: string): string {
  const another = `until new=$(${find}) && [ $new != $old ]; do usleep 500000; done`;
  return `old=$(${find}) && kill -9 $old && ${another}`;
}
