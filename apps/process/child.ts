import type { Options } from 'execa';

/** Milliseconds between SIGTERM and SIGKILL for a child that is being ended. */
export const FORCE_KILL_AFTER = 2_000;

/**
 * Options of execa that all children share: plain English whose wording programs can rely on, in UTF-8; a process group
 * and session of its own, so that a child ends with its children and cannot write over a console.
 */
export const CHILD_OPTIONS = {
  env: { LC_ALL: 'C.UTF-8' },
  killDescendants: true,
  forceKillAfterDelay: FORCE_KILL_AFTER,
} as const satisfies Options;
