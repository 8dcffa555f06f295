import { readBootState } from '../../build/disk/boot-state.ts';
import { ExplainedError } from '../error.ts';
import { findInstallation, openInstallation } from './installation.ts';
import { expectGood } from './standing.ts';

/** Whether the version that runs stays. A program does what cannot be taken back only when it does. */
export interface Confirmation extends AsyncDisposable {
  /**
   * Why it is not known to stay: one or two sentences for a person. Read anew from the boot state each time.
   * @returns undefined if it is confirmed, or runs from its medium
   */
  problem(): Promise<string | undefined>;
}

/**
 * Opens what tells whether the version that runs stays. The boot state's device is root's; once it is open, whoever the
 * program becomes can go on asking. Where the disk that this runs from cannot be told, that is the problem.
 * @param root folder in which dev, proc and sys are
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

/** @throws what is a bug */
function explanationOf(error: unknown): string {
  if (error instanceof ExplainedError) return error.message;
  throw error;
}
