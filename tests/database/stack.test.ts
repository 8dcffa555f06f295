import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { isRoot } from '../../build/process/environment.ts';
import { findServerAccount } from '../../tasks/control-plane/account.ts';
import { makeServicesFolder, prepareWithScript } from '../../tasks/control-plane/service.ts';

const QX_BUILD = resolve(import.meta.dirname, '../../tasks/qx-build.ts');

/** `qx-build controlplane`, as a developer starts it from a terminal: with a process group of its own. */
class Terminal {
  readonly #process: ChildProcess;
  readonly lines: string[] = [];
  readonly #read: Promise<void>;
  readonly #errors: Promise<string>;

  /** @param scratch folder in which the stack creates its own */
  constructor(scratch: string) {
    this.#process = spawn(process.execPath, [QX_BUILD, 'controlplane'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, TMPDIR: scratch },
    });
    const { stdout, stderr } = this.#process;
    this.#errors = text(stderr!);
    const reader = createInterface({ input: stdout! });
    reader.on('line', (line) => this.lines.push(line));
    this.#read = once(reader, 'close').then(() => undefined);
  }

  /** Waits until it has printed a text. @returns all of its output */
  async untilSays(word: string): Promise<string> {
    await expect.poll(() => this.lines.join('\n'), { timeout: 60_000 }).toContain(word);
    return this.lines.join('\n');
  }

  /** Presses Ctrl-C, which signals the whole process group. */
  pressControlC(): void {
    process.kill(-this.#process.pid!, 'SIGINT');
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async end(): Promise<{ exitCode: number | null; errors: string }> {
    if (this.#process.exitCode === null) await once(this.#process, 'exit');
    await this.#read;
    return { exitCode: this.#process.exitCode, errors: await this.#errors };
  }
}

/** A folder in which a stack creates its own; removed at the end. */
async function scratchFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await makeServicesFolder('quantix-stack-');
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** Lists the processes whose working directory or command line is in a folder. */
async function processesIn(folder: string): Promise<string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    ids.map(async (id) => {
      try {
        const command = await readFile(`/proc/${id}/cmdline`, 'utf8');
        return [command, await readlink(`/proc/${id}/cwd`)].some((one) => one.includes(folder))
          ? [command.replaceAll('\0', ' ')]
          : [];
      } catch {
        // The process has ended in the meantime.
        return [];
      }
    }),
  );
  return found.flat();
}

/** Lists the folders of stacks; libraries may leave caches of compiled code beside them. */
async function stacksIn(scratch: string): Promise<string[]> {
  return (await readdir(scratch)).filter((name) => name.startsWith('quantix-'));
}

async function expectNothingLeft(scratch: string): Promise<void> {
  expect(await stacksIn(scratch)).toEqual([]);
  expect(await processesIn(scratch)).toEqual([]);
}

test.concurrent('one command starts all services for a developer and prints their addresses; Ctrl-C removes everything', async () => {
  await using scratch = await scratchFolder();
  const terminal = new Terminal(scratch.path);
  const said = await terminal.untilSays('Ctrl-C ends all of it');
  const command = /psql -h .*/.exec(said)![0];
  const nodes = await execa('sh', ['-c', `${command} -Atc 'SELECT count(*) FROM nodes'`]);
  expect(nodes.stdout).toBe('0');
  const variables = /\. (\S+\/env)$/m.exec(said)![1];
  const ask = `. ${variables}
    curl -s "$QX_ETCD/health"; redis-cli -s "$QX_REDIS" ping
    curl -s --unix-socket "$QX_CONTROLPLANE" http://localhost/readyz`;
  const { stdout } = await execa('sh', ['-c', ask]);
  expect(stdout).toMatch(/"health":"true".*PONG.*"ready":true/s);
  terminal.pressControlC();
  expect(await terminal.end()).toEqual({ exitCode: 0, errors: '' });
  await expectNothingLeft(scratch.path);
});

test.concurrent('a service that ends by itself is reported with its last output, and nothing is left', async () => {
  await using scratch = await scratchFolder();
  const terminal = new Terminal(scratch.path);
  await terminal.untilSays('Ctrl-C ends all of it');
  // The first line of the file is the server's process id.
  const [file] = globSync(`${scratch.path}/*/postgresql/data/*/data/postmaster.pid`);
  process.kill(Number.parseInt(await readFile(file!, 'utf8'), 10), 'SIGKILL');
  const { exitCode, errors } = await terminal.end();
  expect(exitCode).toBe(1);
  expect(errors).toMatch(/^qx-build: postgresql was ended by SIGKILL:\n.+/);
  await expectNothingLeft(scratch.path);
});

test.concurrent('a signal during the start leaves nothing', async () => {
  await using scratch = await scratchFolder();
  const terminal = new Terminal(scratch.path);
  await terminal.untilSays('Starting');
  await expect.poll(() => stacksIn(scratch.path), { timeout: 30_000 }).not.toEqual([]);
  terminal.kill('SIGTERM');
  const { exitCode } = await terminal.end();
  expect(exitCode).toBe(143);
  await expectNothingLeft(scratch.path);
});

test.runIf(isRoot())(
  'a project folder that the account of the services cannot enter is reported, with a fix',
  async () => {
    await using scratch = await scratchFolder();
    const closed = join(scratch.path, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const script = join(closed, 'script');
    await writeFile(script, '#!/bin/sh\n', { mode: 0o755 });
    const account = await findServerAccount();
    const preparing = prepareWithScript(script, { env: {}, account, folder: scratch.path });
    await expect(preparing).rejects.toThrow(
      `Let the account ${account.name} read the project’s folder`,
    );
  },
);
