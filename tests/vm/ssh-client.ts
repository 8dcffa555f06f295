import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { expect } from 'vitest';
import { temporaryFolder } from '../unit/folder.ts';

/** Result of an ssh command. */
export interface Answer {
  status: number;
  stdout: string;
  stderr: string;
}

/** An operator's SSH client: a key pair, and the host keys that it has seen. */
export class SshClient {
  readonly #folder: string;
  readonly #port: number;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
  }

  static async create(port: number): Promise<SshClient> {
    const client = new SshClient(await temporaryFolder(), port);
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', client.#key]);
    return client;
  }

  get publicKey(): string {
    return `${this.#key}.pub`;
  }

  async readPublicKey(): Promise<string> {
    return (await readFile(this.publicKey, 'utf8')).trim();
  }

  get #key(): string {
    return join(this.#folder, 'id');
  }

  /** Runs a command on the machine. A host key is trusted when it is first seen, and must not change afterwards. */
  async ssh(command: string, ...options: string[]): Promise<Answer> {
    const known = join(this.#folder, 'known_hosts');
    const own = ['-F', 'none', '-i', this.#key, '-p', String(this.#port)];
    const trust = ['-o', `UserKnownHostsFile=${known}`, '-o', 'StrictHostKeyChecking=accept-new'];
    const alone = ['-o', 'IdentitiesOnly=yes', '-o', 'NumberOfPasswordPrompts=1'];
    const args = [...own, ...trust, ...alone, ...options, 'root@127.0.0.1', command];
    const { exitCode, stdout, stderr } = await execa('ssh', args, {
      reject: false,
      stdin: 'ignore',
      env: { SSH_ASKPASS_REQUIRE: 'never', SSH_AUTH_SOCK: '' },
    });
    return { status: exitCode ?? -1, stdout, stderr };
  }

  /** Runs a command on the machine that must succeed. @returns its output */
  async succeed(command: string): Promise<string> {
    const { status, stdout, stderr } = await this.ssh(command);
    expect(status, `${command}\n${stdout}${stderr}`).toBe(0);
    return stdout;
  }

  /** Waits until a log-in succeeds; a refusal by either side is an error. */
  async untilReached(): Promise<void> {
    for (;;) {
      const { status, stderr } = await this.ssh('true');
      if (status === 0) return;
      expect(stderr).not.toMatch(/denied|verification failed|IDENTIFICATION HAS CHANGED/);
      await wait(500);
    }
  }
}
