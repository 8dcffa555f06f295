import type { Guest } from './guest.ts';

/** A message of the kernel among what a command writes: the serial port is its console too. */
const KERNEL_MESSAGE = /^\[ *\d+\.\d{6}\] .*\n/gm;

/** Goes from the console of an appliance on its serial port to a shell of root, or to the question for root's password. */
export async function openShell(guest: Guest): Promise<void> {
  await guest.waitFor(/Press Enter to use the console/);
  guest.type('');
  await guest.waitFor(/8 Shell/);
  guest.send('8');
}

/** Waits until the shell on the serial port asks for a command. */
export async function awaitShell(guest: Guest): Promise<void> {
  await guest.waitFor(/~ # /);
  const prompt = guest.mark;
  // A command that is longer than the line would be echoed in pieces.
  guest.type('stty cols 999');
  await guest.waitFor(/~ # /, prompt);
}

/** Runs a command in the shell on the serial port. @returns what it wrote, and its exit status */
export async function runInShell(
  guest: Guest,
  command: string,
): Promise<{ output: string; status: number }> {
  const from = guest.mark;
  guest.type(`${command}; echo "[exit $?]"`);
  // Until it asks for the next command the shell does not read, and what is typed would be echoed twice.
  const done = /\$\?\]"\n([\s\S]*?)\[exit (\d+)\]\n[\s\S]*?~ # /;
  const [, output = '', status] = await guest.waitFor(done, from);
  return { output: output.replace(KERNEL_MESSAGE, ''), status: Number(status) };
}
