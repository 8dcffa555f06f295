/**
 * What a console tells the script that runs it, `console-launch`, by its exit status. Any other status, and an end by a
 * signal, is a crash.
 */
export const EXIT = {
  /** The person has left. */
  left: 0,
  /** A root shell on this terminal, then the console again. */
  shell: 10,
  /** The ordinary log-in prompt, then the console again. */
  login: 11,
  /** The text console of a virtual machine, then the console again. */
  machine: 12,
} as const;
