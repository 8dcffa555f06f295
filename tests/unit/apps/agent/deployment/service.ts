import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { PROJECT } from '../../../profile/profiles.ts';
import { type AgentFileParts, agentFile, type Host, makeHost, writeAgent } from './host.ts';

const STAND_IN = join(import.meta.dirname, 'stand-in.ts');
const COMMAND = join(import.meta.dirname, 'command.ts');
const LAUNCHER = join(PROJECT, 'overlay/quantix-os/usr/lib/quantix/agent');
const SERVICE = join(PROJECT, 'overlay/quantix-os/etc/init.d/qx-node');
const PROBE = join(PROJECT, 'overlay/common/usr/lib/quantix/probe.sh');
const OPENRC_RUN = join(PROJECT, 'overlay/debian/lib/rc/sh/openrc-run.sh');
const COMPILED = join(PROJECT, 'node_modules/.cache/compiled');

/**
 * Returns the text of a stand-in for the agent.
 * @param mode `well`; `ill`: reports a problem; `lost`: does not reach the control plane; `silent`: does not answer;
 *   `deaf`: does not answer, and ignores SIGTERM; `crashes`
 */
export function standIn(host: Host, mode: string, version: string): string {
  const start = `export NODE_COMPILE_CACHE=${COMPILED}; exec ${process.execPath} ${STAND_IN} ${host.root} ${mode} ${version}`;
  return `#!/bin/sh\n[ "$1" != --version ] || { echo ${version}; exit; }\n${start}\n`;
}

/** Writes the file of such an agent. @returns its path */
export async function writeStandIn(
  host: Host,
  mode: string,
  says: AgentFileParts['says'] = {},
): Promise<string> {
  const version = says.version ?? '0.2.0';
  const bytes = agentFile({ program: standIn(host, mode, version), says });
  return await writeAgent(host, bytes, `${mode}-${version}-${says.serial ?? 2}.agent`);
}

/** Makes a host whose folder is removed when it is disposed of; for tests that run at the same time. */
export async function makeOwnHost(): Promise<Host & AsyncDisposable> {
  const root = await mkdtemp(join(tmpdir(), 'quantix-test-'));
  const host = await makeHost(root);
  return { ...host, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

/** Supervises a host's agent like supervise-daemon: restarts it when it ends, and runs its health check. */
export class Service {
  readonly #host: Host;
  readonly #ending = new AbortController();
  readonly #work: Promise<unknown>;
  readonly said: string[] = [];
  #child: ChildProcess | undefined;

  private constructor(host: Host) {
    this.#host = host;
    this.#work = Promise.all([this.#supervise(), this.#askAfterHealth()]);
  }

  /** Starts the image's agent. */
  static async start(host: Host): Promise<Service> {
    const command = `exec ${process.execPath} ${COMMAND} ${host.root} "$@"`;
    const own = standIn(host, 'well', '0.1.0').replace(
      'exec',
      `[ "$1" = run ] || ${command}\nexec`,
    );
    await writeFile(join(host.root, 'bin/qx-node'), own, { mode: 0o755 });
    const script = await readFile(SERVICE, 'utf8');
    const here = script
      .replaceAll('/run/quantix', host.places.run)
      .replace('/usr/lib/quantix/probe.sh', PROBE)
      .replace('qx-node deployment', `${join(host.root, 'bin/qx-node')} deployment`);
    await writeFile(join(host.root, 'service'), here);
    return new Service(host);
  }

  /**
   * Runs a command of qx-node.
   * @returns its process, which a test may kill
   * @param within seconds for an agent on trial to become ready
   */
  run(args: readonly string[], within = 60) {
    const env = { WITHIN: `${within}` };
    return execa(join(this.#host.root, 'bin/qx-node'), args, { reject: false, all: true, env });
  }

  /** Kills the agent. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  async #supervise(): Promise<void> {
    const { root, places } = this.#host;
    const env = {
      program: join(root, 'bin/qx-node'),
      record: places.record,
      run: places.run,
      PATH: process.env.PATH,
    };
    while (!this.#ending.signal.aborted) {
      const child = spawn('busybox', ['sh', LAUNCHER], { env, stdio: ['ignore', 'pipe', 'pipe'] });
      child.stderr.setEncoding('utf8').on('data', (text: string) => this.said.push(text));
      this.#child = child;
      await new Promise((resolve) => child.once('close', resolve));
      await wait(50);
    }
  }

  async #askAfterHealth(): Promise<void> {
    const { root } = this.#host;
    const env = { RC_SVCNAME: 'qx-node' };
    while (!this.#ending.signal.aborted) {
      await execa('busybox', ['sh', OPENRC_RUN, join(root, 'service'), 'healthcheck'], {
        env,
        reject: false,
      });
      await wait(1000);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    for (; this.#child?.exitCode === null && this.#child.signalCode === null; await wait(50)) {
      this.#child.kill('SIGKILL');
    }
    await this.#work;
  }
}
