import { selectBase } from '../../build/base/select.ts';
import { openCache } from '../../build/cache/mark.ts';
import { ensureInstalled } from '../../build/host/install.ts';
import { lockRequirements } from '../../build/host/requirements.ts';
import { renewLock } from '../../build/lock/current.ts';
import { isLocked } from '../../build/lock/file.ts';
import { loadProfile } from '../../build/profile/load.ts';
import {
  type CommandContext,
  chooseProfiles,
  imageOptions,
  imagePaths,
  PROJECT,
} from './context.ts';
import { defineCommand } from './define.ts';

/** `qx-build lock`: resolves profiles anew and writes their locks. */
export const lockCommand = defineCommand({
  command: 'lock',
  describe: 'Resolve the packages of profiles and write their lock files',
  builder: imageOptions,
  paths: imagePaths,
  handler: async (options, { output, signal }: CommandContext) => {
    for (const name of chooseProfiles(options)) {
      const profile = await loadProfile(PROJECT, name, options.arch);
      const { mirror, update, keysDir: keysDirectory } = options;
      const base = await selectBase(options.base, {
        profile,
        mirror,
        isLocked: (one) => isLocked(PROJECT, profile, one),
        mayFallBack: false,
        say: output.say,
      });
      const requirements = lockRequirements(base.name);
      await ensureInstalled(requirements, { say: output.say, signal });
      const moved = await renewLock({
        projectDirectory: PROJECT,
        cache: openCache(),
        profile,
        base,
        mirror,
        keysDirectory,
        update,
        signal,
        say: output.say,
      });
      output.say(
        `${name}.${base.name}.${options.arch}: ${moved.length === 0 ? 'nothing moved' : ''}`,
      );
      for (const line of moved) output.say(`  ${line}`);
    }
  },
});
