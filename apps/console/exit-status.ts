/**
 * Exit statuses that tell `console-launch`, the script that runs a console, what to do. Any other status, and an end by
 * a signal, is a crash.
 */
export const EXIT = {
  /** The person has left. */
  left: 0,
  /** Open a root shell on this terminal, then the console again. */
  shell: 10,
  /** Show the ordinary log-in prompt, then the console again. */
  login: 11,
  /** Open the text console of a virtual machine, then this console again. */
  machine: 12,
} as const;
