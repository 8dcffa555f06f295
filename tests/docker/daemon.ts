import { createWriteStream, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { DEFAULT_BASE_IMAGE } from '../../build/docker/image.ts';

/** A Docker daemon for the tests, with an image to build the builder image on. */
export interface TestDocker extends AsyncDisposable {
  /** `DOCKER_HOST` of the daemon. */
  host: string;
  /** Group that may use the daemon. */
  gid: number;
  baseImage: string;
  /** Runs `docker` and returns what it prints. */
  docker(...args: string[]): Promise<string>;
}

/** The reason why there is no Docker to test with. */
export class NoDocker {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

interface Daemon {
  host: string;
  socket: string;
  stop: () => Promise<void>;
}

/** The tests use Debian 13 on every host; the other supported release is Debian 12. */
const SUITE = 'trixie';
const BASE = `quantix-test-base:${SUITE}`;

/** Time limit for the start of a daemon, in milliseconds. */
const START_WITHIN = 20_000;

/** Uses the daemon that answers, else starts one that does not change the host's network; makes the base image. */
export async function openDocker(): Promise<TestDocker | NoDocker> {
  const daemon = await openDaemon();
  if (daemon instanceof NoDocker) return daemon;
  const { host, socket, docker, stop } = daemon;
  try {
    const baseImage = await provideBase(docker);
    if (baseImage instanceof NoDocker) {
      await stop();
      return baseImage;
    }
    const dispose = async () => {
      if (baseImage === BASE) await removeImages(docker);
      await stop();
    };
    const { gid } = await stat(socket);
    return { host, gid, baseImage, docker, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Uses the daemon that answers, else starts one; adds no image. */
export async function openDaemon(): Promise<(Daemon & Pick<TestDocker, 'docker'>) | NoDocker> {
  const daemon = (await answeringDaemon()) ?? (await startDaemon());
  if (daemon instanceof NoDocker) return daemon;
  const env = { DOCKER_HOST: daemon.host };
  return { ...daemon, docker: async (...args) => (await execa('docker', args, { env })).stdout };
}

/** Removes the images built on the test's base image, and then the base image. */
async function removeImages(docker: TestDocker['docker']): Promise<void> {
  const filter = `label=org.opencontainers.image.base.name=${BASE}`;
  const built = await docker('image', 'ls', '--quiet', '--filter', filter);
  for (const image of [...built.split('\n').filter((id) => id !== ''), BASE]) {
    await docker('image', 'rm', '--force', image);
  }
}

async function answers(host: string): Promise<boolean> {
  const env = { DOCKER_HOST: host };
  return !(await execa('docker', ['version'], { env, reject: false })).failed;
}

async function answeringDaemon(): Promise<Daemon | undefined> {
  const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  const socket = /^unix:\/\/(?<path>.+)$/.exec(host)?.groups?.path;
  if (socket === undefined || !(await answers(host))) return undefined;
  return { host, socket, stop: async () => {} };
}

async function startDaemon(): Promise<Daemon | NoDocker> {
  if (process.getuid?.() !== 0)
    return new NoDocker('no daemon answers, and only root can start one');
  if ((await execa('dockerd', ['--version'], { reject: false })).failed) {
    return new NoDocker('no daemon answers, and dockerd is not installed');
  }
  const root = await mkdtemp(join(tmpdir(), 'quantix-docker-'));
  await chmod(root, 0o711);
  const [socket, log] = [join(root, 'docker.sock'), join(root, 'dockerd.log')];
  const host = `unix://${socket}`;
  const folders = ['data-root', 'exec-root'].map((name) => `--${name}=${join(root, name)}`);
  const own = [...folders, `--pidfile=${join(root, 'docker.pid')}`, `--host=${host}`];
  const noNetwork = [
    '--iptables=false',
    '--ip6tables=false',
    '--ip-forward=false',
    '--bridge=none',
  ];
  const child = execa('dockerd', [...own, ...noNetwork], {
    reject: false,
    buffer: false,
    all: true,
  });
  child.all.pipe(createWriteStream(log));
  let ended = false;
  child.finally(() => {
    ended = true;
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await child;
    await unmountWithin(root);
    await rm(root, { recursive: true, force: true });
  };
  for (const began = Date.now(); !ended && Date.now() - began < START_WITHIN; await sleep(100)) {
    if (!(await answers(host))) continue;
    return { host, socket, stop };
  }
  const reason = readFileSync(log, 'utf8').trim().split('\n').at(-1) ?? '';
  await stop();
  return new NoDocker(`dockerd does not start here: ${reason}`);
}

/** Unmounts the left-over mounts of an ended daemon, such as network namespaces. */
async function unmountWithin(folder: string): Promise<void> {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const points = mounts.map((line) => line.split(' ')[1] ?? '');
  const within = points.filter((point) => point.startsWith(`${folder}/`)).reverse();
  if (within.length > 0) await execa('umount', within);
}

/** Returns the base image: the usual one if the daemon has it (no registry may be asked), else a new one of Debian. */
async function provideBase(docker: TestDocker['docker']): Promise<string | NoDocker> {
  if ((await docker('image', 'ls', '--quiet', DEFAULT_BASE_IMAGE)) !== '')
    return DEFAULT_BASE_IMAGE;
  if ((await execa('mmdebstrap', ['--version'], { reject: false })).failed) {
    return new NoDocker(`the daemon has no ${DEFAULT_BASE_IMAGE}, and mmdebstrap is not installed`);
  }
  const folder = await mkdtemp(join(tmpdir(), 'quantix-debian-'));
  const debian = join(folder, 'debian.tar');
  try {
    await execa('mmdebstrap', ['--quiet', '--variant=minbase', SUITE, debian]);
    await docker('import', debian, BASE);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return BASE;
}
