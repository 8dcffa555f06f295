import { apkSolveCommand } from './apk-solve.ts';
import { apkTreeCommand } from './apk-tree.ts';
import { apkVerifyCommand } from './apk-verify.ts';
import { apkVersionCommand } from './apk-version.ts';
import { defineGroup } from './define.ts';

/** `qx-build apk`: uses the apk engine directly, without profile and image. */
export const apkCommand = defineGroup({
  command: 'apk',
  describe: 'Run the apk engine alone: solve, tree, version, verify',
  commands: [apkSolveCommand, apkTreeCommand, apkVersionCommand, apkVerifyCommand],
});
