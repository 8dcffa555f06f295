import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { until } from './until.ts';

/** Outcome of a command. */
export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

/** How a command is run in a namespace. */
export interface ExecOptions {
  /** Root directory of the command (chroot(2)); that of the namespace if absent. */
  root?: string;
  /** Text for its standard input. */
  input?: string;
}

/** Environment of a program in a machine. */
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/**
 * A separate network, mount and process namespace. It ends when it is disposed of or when this process ends: its first
 * process ends with its standard input, and all others end with the first one.
 */
export class Namespace implements AsyncDisposable {
  readonly #holder: ChildProcess;
  /** Process ID of its first process on the host. */
  readonly pid: number;

  private constructor(holder: ChildProcess, pid: number) {
    this.#holder = holder;
    this.pid = pid;
  }

  /** Makes a namespace; needs root. */
  static async create(): Promise<Namespace> {
    const own = ['--net', '--mount', '--pid', '--uts', '--fork', '--kill-child', '--mount-proc'];
    const holder = spawn('unshare', [...own, 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
    const children = `/proc/${holder.pid}/task/${holder.pid}/children`;
    const pid = await until('the namespace is there', async () => {
      const child = Number.parseInt(await readFile(children, 'utf8'), 10);
      const name = Number.isNaN(child) ? '' : await readFile(`/proc/${child}/comm`, 'utf8');
      return name === 'cat\n' ? child : undefined;
    });
    return new Namespace(holder, pid);
  }

  /** Runs a program to its end, whatever its exit status. */
  async exec(command: readonly string[], { root, input }: ExecOptions = {}): Promise<Outcome> {
    const options = { env: ENVIRONMENT, extendEnv: false, reject: false, input: input ?? '' };
    const args = this.#entering(command, root);
    const { exitCode, stdout, stderr } = await execa('nsenter', args, options);
    return { status: exitCode ?? -1, stdout, stderr };
  }

  /** Runs a program that must succeed. @returns its output */
  async succeed(command: readonly string[], options: ExecOptions = {}): Promise<string> {
    const { status, stdout, stderr } = await this.exec(command, options);
    if (status !== 0) throw new Error(`${command.join(' ')}: exit ${status}\n${stdout}${stderr}`);
    return stdout;
  }

  /**
   * Runs a program of the host in the network namespace only: the program sees the host's processes. It must succeed.
   */
  async inNetwork(command: readonly string[]): Promise<string> {
    const { stdout } = await execa('nsenter', [
      '--net',
      '--target',
      `${this.pid}`,
      '--',
      ...command,
    ]);
    return stdout;
  }

  /** Starts a program in the background. */
  start(command: readonly string[], root?: string): void {
    spawn('nsenter', this.#entering(command, root), { env: ENVIRONMENT, stdio: 'ignore' });
  }

  /** Arguments of nsenter(1) that run a program in all namespaces of the machine, and in its root if it has one. */
  #entering(command: readonly string[], root: string | undefined): string[] {
    const within = root === undefined ? command : ['chroot', root, ...command];
    const spaces = ['--net', '--mount', '--pid', '--uts', '--target', String(this.pid)];
    return [...spaces, '--', ...within];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#holder.once('exit', resolve));
    this.#holder.stdin?.end();
    await ended;
  }
}
