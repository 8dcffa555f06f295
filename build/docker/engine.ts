import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { z } from 'zod';
import { BuildError } from '../error.ts';
import { makeCallerEnvironment } from '../process/environment.ts';
import { errorCode } from '../process/errno.ts';
import { explainToolError, makeChildOptions, run } from '../process/run.ts';

/** Milliseconds after Ctrl-C within which a container has to end before it is removed. */
const END_WITHIN = 15_000;

/** Exit codes of `docker run` itself: the daemon refused, or the command cannot be run or does not exist. */
const NOT_STARTED = [125, 126, 127];

/**
 * Number of last lines of a failed `docker build` that are shown: the message of the failed program, then that of
 * Docker.
 */
const LAST_LINES = 3;

/** Lines that `docker build` always prints. */
const CHATTER =
  /^(?:Step \d|--->|DEPRECATED: |Install the buildx |https:\/\/docs\.docker|Sending build )/;

/** Facts about the daemon. */
export interface DockerDaemon {
  /** Whether it runs without root, as the calling user. */
  rootless: boolean;
}

/**
 * Checks that the Docker daemon answers.
 * @throws BuildError if docker is missing, or no daemon answers
 */
export async function findDaemon(signal?: AbortSignal): Promise<DockerDaemon> {
  const ask = (question: string, format: string) =>
    run('docker', [question, '--format', format], { env: makeCallerEnvironment(), signal });
  try {
    await ask('version', '{{.Server.Version}}');
    const options = await ask('info', '{{json .SecurityOptions}}');
    return { rootless: options.includes('name=rootless') };
  } catch (error) {
    throw noDaemon(error);
  }
}

function noDaemon(error: unknown): unknown {
  if (!(error instanceof BuildError)) return error;
  if (errorCode(error.cause) === 'ENOENT') {
    return new BuildError({
      what: 'this host has no docker',
      fix: 'As root: apt-get install docker.io; or build without DOCKER=1.',
      cause: error,
    });
  }
  const words = error.what.replace(/^docker exited with \d+: /, '').replace(/[.?]+$/, '');
  return new BuildError({
    what: `no Docker daemon answers: ${words}`,
    fix: 'Start it, make sure that you may use it (group docker), or build without DOCKER=1.',
    cause: error,
  });
}

/**
 * Returns when the daemon's image of this name was built or pulled.
 * @returns `undefined` if there is none
 */
export async function readImageTime(tag: string, signal?: AbortSignal): Promise<Date | undefined> {
  const options = { env: makeCallerEnvironment(), signal };
  if ((await run('docker', ['image', 'ls', '--quiet', tag], options)) === '') return undefined;
  const format = '{{json .Metadata.LastTagTime}}';
  const answer = await run('docker', ['image', 'inspect', '--format', format, tag], options);
  return new Date(z.string().parse(JSON.parse(answer)));
}

/**
 * Builds an image.
 * @param args arguments of `docker`, from `makeImageArguments`
 * @param options path of the Dockerfile, which is passed on standard input, and the base image, for the message
 * @returns digest of the base image, `sha256:…`, if it comes from a registry
 * @throws BuildError with the last lines of the build's output if it fails
 */
export async function buildImage(
  args: readonly string[],
  {
    dockerfile,
    baseImage,
    signal,
  }: { dockerfile: string; baseImage: string; signal?: AbortSignal | undefined },
): Promise<string | undefined> {
  const env = makeCallerEnvironment();
  const options = {
    ...makeChildOptions({ env, signal }),
    input: readFileSync(dockerfile),
    all: true,
  };
  const { failed, all, ...result } = await execa('docker', args, { ...options, reject: false });
  signal?.throwIfAborted();
  const printed = typeof all === 'string' ? all : '';
  if (!failed) return findBaseDigest(printed) ?? (await storedDigest(baseImage, signal));
  if (result.code === 'ENOENT') throw noDaemon(explainToolError('docker', result));
  throw new BuildError({
    what: `the builder image cannot be built from ${baseImage}: ${selectLastLines(printed)}`,
    where: dockerfile,
    fix: 'Another base image or network may help: DOCKER_BASE=…, DOCKER_BUILD_FLAGS=--network=host.',
  });
}

/** Finds the base image's digest in a build's output: BuildKit prints it in the step `FROM`, Docker when it pulls. */
export function findBaseDigest(printed: string): string | undefined {
  return /^(?:#\d+ .*\bFROM \S+@|Digest: )(sha256:[0-9a-f]{64})/m.exec(printed)?.[1];
}

/** Returns the digest under which the daemon has pulled an image; none if it was built locally or does not exist. */
async function storedDigest(image: string, signal?: AbortSignal): Promise<string | undefined> {
  const format = ['--no-trunc', '--format', '{{.Digest}}'];
  const options = { env: makeCallerEnvironment(), signal };
  const digests = await run('docker', ['image', 'ls', ...format, image], options);
  return digests.split('\n').find((digest) => digest.startsWith('sha256:'));
}

/** Returns the last lines of a build's output as one line, without lines that Docker always prints. */
export function selectLastLines(printed: string): string {
  const lines = printed.split('\n').map((line) => line.trim());
  const said = lines.filter((line) => line !== '' && !CHATTER.test(line));
  return said.slice(-LAST_LINES).join(' | ').replace(/\.$/, '');
}

/**
 * Runs a container to its end, with this process's terminal or, if there is none, its output and error streams. The
 * command receives Ctrl-C once; if it does not end in time, the container is removed.
 * @param args arguments of `docker`, from `makeContainerArguments`
 * @returns the exit code of the command
 * @throws BuildError if Docker did not start the command; Docker has printed the reason
 */
export async function runContainer(
  args: readonly string[],
  { name, terminal, signal }: { name: string; terminal: boolean; signal?: AbortSignal | undefined },
): Promise<number> {
  signal?.throwIfAborted();
  // With a terminal, the client passes Ctrl-C on as a key. Otherwise the client is in another process group and gets
  // only the signal that this process sends: a second signal would end the command before it has cleaned up.
  const child = execa('docker', args, {
    stdio: terminal ? 'inherit' : ['ignore', 'inherit', 'inherit'],
    detached: !terminal,
    reject: false,
  });
  let deadline: NodeJS.Timeout | undefined;
  const end = () => {
    child.kill('SIGINT');
    deadline = setTimeout(() => removeContainer(name), END_WITHIN);
  };
  signal?.addEventListener('abort', end, { once: true });
  const { exitCode, signal: killed } = await child;
  signal?.removeEventListener('abort', end);
  clearTimeout(deadline);
  if (exitCode !== undefined && !NOT_STARTED.includes(exitCode)) return exitCode;
  signal?.throwIfAborted();
  throw new BuildError({
    what: `docker run ${exitCode === undefined ? `got ${killed}` : `exited with ${exitCode}`}`,
    fix: 'Docker said why, above; more flags can be given by DOCKER_RUN_FLAGS=….',
  });
}

function removeContainer(name: string): void {
  execa('docker', ['rm', '--force', name], { reject: false, stdio: 'ignore' });
}
