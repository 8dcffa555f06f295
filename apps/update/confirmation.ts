import { readBootState } from '../../build/disk/boot-state.ts';
import { ExplainedError } from '../error.ts';
import { findInstallation, openInstallation } from './installation.ts';
import { expectGood } from './standing.ts';

/** Whether the running version is confirmed. Programs make irreversible changes only if it is. */
export interface Confirmation extends AsyncDisposable {
  /**
   * Says why the version is not known to be confirmed, in one or two sentences for a person. Each call reads the boot
   * state.
   * @returns undefined if the version is confirmed, or runs from its medium
   */
  problem(): Promise<string | undefined>;
}

/**
 * Opens the boot state, which says whether the running version is confirmed. Only root can open its device; a program
 * that drops its privileges later can still read it. If the disk of the running system cannot be found, `problem`
 * reports that.
 * @param root folder that contains dev, proc and sys
 */
export async function openConfirmation(root = '/'): Promise<Confirmation> {
  try {
    const installation = await findInstallation(root);
    if (installation === null) return always(undefined);
    const disk = await openInstallation(installation);
    return {
      problem: async () => {
        try {
          expectGood(disk.booted, await readBootState(disk.efi));
          return undefined;
        } catch (error) {
          return explanationOf(error);
        }
      },
      [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
    };
  } catch (error) {
    return always(explanationOf(error));
  }
}

function always(problem: string | undefined): Confirmation {
  return { problem: async () => problem, [Symbol.asyncDispose]: async () => undefined };
}

/** Returns the message of an explained error. @throws any other error, which is a bug */
function explanationOf(error: unknown): string {
  if (error instanceof ExplainedError) return error.message;
  throw error;
}
