import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory } from '../build/cache/directory.ts';
import {
  type ContainerCommand,
  containerArguments,
  type HostFacts,
  NODE,
  writableFolders,
} from '../build/docker/container.ts';
import { buildImage, findDaemon, hasImage, runContainer } from '../build/docker/engine.ts';
import { DEFAULT_BASE_IMAGE, imageArguments, imageTag } from '../build/docker/image.ts';
import { BuildError } from '../build/error.ts';
import type { Output } from './ui/events.ts';
import { runStages, stage } from './ui/stage.ts';

/** How the builder image is made and run. */
export interface DockerOptions {
  /** Folder of the project. */
  project: string;
  /** Base image; `DEFAULT_BASE_IMAGE` if absent. */
  baseImage?: string | undefined;
  /** Further flags of `docker build`. */
  buildFlags: readonly string[];
  /** Further flags of `docker run`. */
  runFlags: readonly string[];
  signal: AbortSignal;
}

/**
 * Runs a command of `qx-build` in the builder image, which is built first if there is none of this Dockerfile.
 * @param command command line of `qx-build`, and the paths in it
 * @returns the command's exit code; it has told its errors itself
 * @throws BuildError if there is no Node for Linux or no Docker, or Docker cannot build the image or start the container
 */
export async function runInDocker(
  command: ContainerCommand,
  { project, baseImage, buildFlags, runFlags, signal }: DockerOptions,
  output: Output,
): Promise<number> {
  requireNode(project);
  const { rootless } = await findDaemon(signal);
  const image = await builderImage({ project, baseImage, buildFlags, signal }, output);
  const host: HostFacts = {
    project,
    nodeModules: realpathSync(join(project, 'node_modules')),
    cache: cacheDirectory().root,
    user: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    rootless,
    terminal: output.interactive && process.stdin.isTTY === true && process.stderr.isTTY === true,
    environment: process.env,
    exists: existsSync,
  };
  for (const folder of writableFolders(host, command.paths.writes))
    await mkdir(folder, { recursive: true });
  const name = `quantix-build-${randomUUID()}`;
  const args = containerArguments({ image, name, command, flags: runFlags }, host);
  return runContainer(args, { name, terminal: host.terminal, signal });
}

/** The image has no Node: it takes the one for Linux that `npm ci` brings on Linux. */
function requireNode(project: string): void {
  const node = join(project, NODE);
  if (existsSync(node)) return;
  throw new BuildError({
    what: 'node_modules has no Node for the container',
    where: node,
    fix: 'Run npm ci on a Linux host, with optional dependencies.',
  });
}

/** Name of the builder image, which is there afterwards. */
async function builderImage(
  { project, baseImage = DEFAULT_BASE_IMAGE, buildFlags, signal }: Omit<DockerOptions, 'runFlags'>,
  output: Output,
): Promise<string> {
  const dockerfile = join(project, 'Dockerfile');
  const tag = imageTag(readFileSync(dockerfile, 'utf8'), baseImage);
  if (await hasImage(tag, signal)) return tag;
  const title = `Builder image from ${baseImage}, once`;
  const building = stage(
    { image: tag, step: 'builder-image', title, output, times: [] },
    async () => {
      const environment = process.env;
      const args = imageArguments({ tag, baseImage, environment, flags: buildFlags });
      await buildImage(args, { dockerfile, baseImage, signal });
      return { note: tag };
    },
  );
  await runStages([building], output);
  return tag;
}
