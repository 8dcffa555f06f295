import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory } from '../build/cache/directory.ts';
import {
  type ContainerCommand,
  type HostFacts,
  listWritableFolders,
  makeContainerArguments,
  NODE,
} from '../build/docker/container.ts';
import { buildImage, findDaemon, readImageTime, runContainer } from '../build/docker/engine.ts';
import {
  countDays,
  DEFAULT_BASE_IMAGE,
  makeImageArguments,
  makeImageTag,
  needsBuilding,
} from '../build/docker/image.ts';
import { BuildError } from '../build/error.ts';
import type { Output } from './ui/events.ts';
import { Stages } from './ui/stage.ts';

/** Options for building and running the builder image. */
export interface DockerOptions {
  /** Folder of the project. */
  project: string;
  /** Base image; `DEFAULT_BASE_IMAGE` if absent. */
  baseImage?: string | undefined;
  /** Additional flags of `docker build`. */
  buildFlags: readonly string[];
  /** Additional flags of `docker run`. */
  runFlags: readonly string[];
  signal: AbortSignal;
}

/**
 * Runs a command of `qx-build` in the builder image; builds the image first if there is none for this Dockerfile, or
 * only an old one.
 * @param command command line of `qx-build`, and the paths in it
 * @returns the command's exit code; it has printed its errors itself
 * @throws BuildError if Node for Linux or Docker is missing, or Docker cannot build the image or start the container
 */
export async function runInDocker(
  command: ContainerCommand,
  { project, baseImage, buildFlags, runFlags, signal }: DockerOptions,
  output: Output,
): Promise<number> {
  requireNode(project);
  const { rootless } = await findDaemon(signal);
  const image = await ensureBuilderImage({ project, baseImage, buildFlags, signal }, output);
  const host: HostFacts = {
    project,
    folder: process.cwd(),
    nodeModules: realpathSync(join(project, 'node_modules')),
    cache: cacheDirectory().root,
    user: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    rootless,
    terminal: output.interactive && process.stdin.isTTY === true && process.stderr.isTTY === true,
    environment: process.env,
    exists: existsSync,
  };
  for (const folder of listWritableFolders(host, command.paths.writes))
    await mkdir(folder, { recursive: true });
  const name = `quantix-build-${randomUUID()}`;
  const args = makeContainerArguments({ image, name, command, flags: runFlags }, host);
  return runContainer(args, { name, terminal: host.terminal, signal });
}

/** Checks that the project has Node for Linux, which `npm ci` installs on Linux: the builder image contains none. */
function requireNode(project: string): void {
  const node = join(project, NODE);
  if (existsSync(node)) return;
  throw new BuildError({
    what: 'node_modules has no Node for the container',
    where: node,
    fix: 'Run npm ci on a Linux host, with optional dependencies.',
  });
}

/**
 * Makes sure that there is a builder image, if possible one built within the last weeks.
 * @returns its name
 */
async function ensureBuilderImage(
  { project, baseImage = DEFAULT_BASE_IMAGE, buildFlags, signal }: Omit<DockerOptions, 'runFlags'>,
  output: Output,
): Promise<string> {
  const dockerfile = join(project, 'Dockerfile');
  const tag = makeImageTag(readFileSync(dockerfile, 'utf8'), baseImage);
  const built = await readImageTime(tag, signal);
  const now = new Date();
  if (!needsBuilding(built, { now, flags: buildFlags })) return tag;
  const age = built && `${countDays(built, now)} days old`;
  const title = `Builder image from ${baseImage}, ${age === undefined ? 'once' : `anew: ${age}`}`;
  const stages = new Stages({ image: tag, output, signal });
  const building = stages.stage('builder-image', title, async () => {
    const args = makeImageArguments({
      tag,
      baseImage,
      environment: process.env,
      refresh: built !== undefined,
      flags: buildFlags,
    });
    const digest = await buildImage(args, { dockerfile, baseImage, signal: stages.signal });
    return { note: digest === undefined ? tag : `${tag} on ${digest}` };
  });
  try {
    await stages.run([building]);
  } catch (error) {
    if (age === undefined || !(error instanceof BuildError)) throw error;
    output.say(`The existing builder image is used, ${age}: ${error.message}`);
  }
  return tag;
}
