import type { Guest } from './guest.ts';

/** A kernel message within a command's output: the serial port is also the kernel's console. */
const KERNEL_MESSAGE = /^\[ *\d+\.\d{6}\] .*\n/gm;

/** Switches from an appliance's console on the serial port to a root shell, or to the prompt for root's password. */
export async function openShell(guest: Guest): Promise<void> {
  await guest.waitFor(/Press Enter to use the console/);
  guest.type('');
  await guest.waitFor(/8 Shell/);
  guest.send('8');
}

/** Waits for the prompt of the shell on the serial port. */
export async function awaitShell(guest: Guest): Promise<void> {
  await guest.waitFor(/~ # /);
  const prompt = guest.mark;
  // If a command were longer than a line of the terminal, the shell would echo it in pieces.
  guest.type('stty cols 999');
  await guest.waitFor(/~ # /, prompt);
}

/** Runs a command in the shell on the serial port. @returns its output and exit status */
export async function runInShell(
  guest: Guest,
  command: string,
): Promise<{ output: string; status: number }> {
  const from = guest.mark;
  guest.type(`${command}; echo "[exit $?]"`);
  // Wait for the next prompt: text typed before it would be echoed twice.
  const done = /\$\?\]"\n([\s\S]*?)\[exit (\d+)\]\n[\s\S]*?~ # /;
  const [, output = '', status] = await guest.waitFor(done, from);
  return { output: output.replace(KERNEL_MESSAGE, ''), status: Number(status) };
}
