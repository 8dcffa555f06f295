import { createHash } from 'node:crypto';
import { type Environment, namesSet, PROXY_VARIABLES } from '../process/environment.ts';

/** Base image of the builder image where the user names none; the Dockerfile has the same default. */
export const DEFAULT_BASE_IMAGE = 'debian:trixie-slim';

/** Days after which the builder image is built anew, so that its tools get what the distribution has mended. */
const FRESH_DAYS = 30;

/** Flags of `docker build` by which the user asks for a new image. */
const ASKS_FOR_NEW = ['--pull', '--no-cache'];

/**
 * Whether the builder image has to be built.
 * @param built when it was; `undefined` if there is none
 * @param flags further flags of `docker build`
 */
export function needsBuilding(
  built: Date | undefined,
  { now, flags }: { now: Date; flags: readonly string[] },
): boolean {
  if (built === undefined || flags.some((flag) => ASKS_FOR_NEW.includes(flag))) return true;
  return daysBetween(built, now) >= FRESH_DAYS;
}

/** Whole days from one time to a later one. */
export function daysBetween(from: Date, to: Date): number {
  return Math.floor((to.getTime() - from.getTime()) / 86_400_000);
}

/**
 * Name of the builder image, by which it is found again. It changes when the Dockerfile or the base image's name does.
 * @param dockerfile text of the Dockerfile
 * @param baseImage name of the base image, as `FROM` takes it
 */
export function imageTag(dockerfile: string, baseImage: string): string {
  const hash = createHash('sha256').update(`${baseImage}\0${dockerfile}`).digest('hex');
  return `quantix-builder:${hash.slice(0, 12)}`;
}

/**
 * Arguments of `docker` that build the builder image from a Dockerfile on standard input, without a context.
 * A proxy is passed on by the name of its variable, so that a password in it is in no list of processes.
 * @param refresh runs all of its commands again, though Docker has the results
 * @param flags further flags of `docker build`; they win over ours
 */
export function imageArguments({
  tag,
  baseImage,
  environment,
  refresh,
  flags,
}: {
  tag: string;
  baseImage: string;
  environment: Environment;
  refresh: boolean;
  flags: readonly string[];
}): string[] {
  const proxies = namesSet(PROXY_VARIABLES, environment).map((name) => `--build-arg=${name}`);
  return [
    'build',
    `--tag=${tag}`,
    `--build-arg=BASE_IMAGE=${baseImage}`,
    ...proxies,
    ...(refresh ? ['--no-cache'] : []),
    ...flags,
    '-',
  ];
}
