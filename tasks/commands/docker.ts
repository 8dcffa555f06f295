import { PROJECT } from '../project.ts';
import { CommandExit, defineCommand, NO_PATHS } from './define.ts';

/** `qx-build docker -- <command>`: runs a command in the builder image. */
export const dockerCommand = defineCommand({
  command: 'docker',
  describe: 'Run the command after -- in the builder image, as the calling user',
  builder: (yargs) =>
    yargs
      .usage('qx-build docker [options] -- <command> [its options]')
      .option('base-image', {
        type: 'string',
        describe: 'Base image of the builder image',
        defaultDescription: 'as the Dockerfile says',
      })
      .option('build-flag', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        defaultDescription: 'none',
        describe: 'Further flag of docker build: --build-flag=--network=host',
      })
      .option('run-flag', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        defaultDescription: 'none',
        describe: 'Further flag of docker run',
      })
      .demandCommand(1, 'Which command is to run in Docker?'),
  paths: () => NO_PATHS,
  handler: async ({ _, baseImage, buildFlag, runFlag }, { output, signal, findPaths }) => {
    const { runInDocker } = await import('../docker.ts');
    const line = _.slice(1).map(String);
    const command = { line, paths: await findPaths(line) };
    const options = { project: PROJECT, buildFlags: buildFlag, runFlags: runFlag };
    const exitCode = await runInDocker(command, { ...options, baseImage, signal }, output);
    if (exitCode !== 0) throw new CommandExit(exitCode);
  },
});
