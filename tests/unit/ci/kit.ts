import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import yargs from 'yargs';
import { z } from 'zod';
import { BASE_NAMES, type BaseName } from '../../../build/bases.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

/** Milliseconds for a test: a job calls programs a hundred times. */
export const TIME = 90_000;

export const KIT = join(PROJECT, 'docs/ci');

const text = z.record(z.string(), z.string());

/** The tested fields of a step in a job of GitHub. */
const stepSchema = z.object({
  name: z.string().optional(),
  uses: z.string().optional(),
  run: z.string().optional(),
  env: text.optional(),
  with: z.record(z.string(), z.unknown()).optional(),
});
export type Step = z.infer<typeof stepSchema>;

const workflowSchema = z.object({
  permissions: text,
  jobs: z.record(
    z.string(),
    z.object({
      permissions: text.optional(),
      secrets: text.optional(),
      steps: z.array(stepSchema).default([]),
    }),
  ),
});

const actionSchema = z.object({ runs: z.object({ steps: z.array(stepSchema) }) });

const gitlabJobSchema = z.object({
  script: z.array(z.string()).default([]),
  before_script: z.array(z.string()).default([]),
});

/** A file of the kit, by its path in `docs/ci`, as text. */
export function readKit(path: string): Promise<string> {
  return readFile(join(KIT, path), 'utf8');
}

/** A workflow by its name. */
export async function readWorkflow(name: string) {
  return workflowSchema.parse(parse(await readKit(`github/workflows/${name}.yml`)));
}

/** The steps of the composite action. */
export async function readAction(): Promise<Step[]> {
  return actionSchema.parse(parse(await readKit('github/actions/build/action.yml'))).runs.steps;
}

/** The commands of a job of GitLab, each as a script. */
export async function readGitlabJob(name: string) {
  const jobs = z.record(z.string(), z.unknown()).parse(parse(await readKit('gitlab-ci.yml')));
  return gitlabJobSchema.parse(jobs[name]);
}

/** Returns shellcheck's findings about scripts for bash; empty if there are none. */
export async function shellComplaints(scripts: readonly string[]): Promise<string> {
  const folder = await temporaryFolder();
  const files = scripts.map((_, index) => join(folder, `${index}.sh`));
  for (const [index, script] of scripts.entries()) {
    await writeFile(join(folder, `${index}.sh`), `#!/bin/bash\nset -eo pipefail\n${script}`);
  }
  const { stdout } = await execa('shellcheck', ['--format=gcc', ...files], { reject: false });
  return stdout;
}

/** Stand-ins for programs that a step calls: shell text that runs after a call has been recorded. */
const PROGRAMS = {
  'apt-get': '',
  make: '',
  curl: '',
  gh: 'case "$1 $2" in "pr list") cat "$HOME/proposed" 2>/dev/null ;; esac; exit 0',
  npm: `
    case $1 in
      pkg) echo '"0.2.0"'; exit ;;
      version) git commit --quiet --allow-empty --message "$2"; git tag --annotate --message "$2" "v$2"; exit ;;
    esac
    shift 4
    [ "$*" = 'lock --list' ] && exec cat "$HOME/locks"
    [ "$1 $6" = "$(cat "$HOME/fails" 2>/dev/null)" ] && exit 1
    case $1 in
      annotate) exec cat >/dev/null ;;
      lock) [ -e "$HOME/moves" ] && echo '{"moved":1}' >"profiles/$4.$6.$8.lock.json" ;;
      diff) echo 'openssl 1 → 2'; exit 1 ;;
      iso)
        mkdir -p dist; echo >dist/a.iso
        env | grep ^QUANTIX_REMOTE_CACHE | sort >"$HOME/remote-cache"
        [ -z "\${QUANTIX_REMOTE_CACHE_KEY:-}" ] || stat -c %a "$QUANTIX_REMOTE_CACHE_KEY" | cat - "$QUANTIX_REMOTE_CACHE_KEY" >>"$HOME/remote-cache" ;;
      key) echo private >"$3"; echo public >"\${3%.key}.pem" ;;
      release) mkdir -p dist/0.2.0; echo >dist/0.2.0/a.iso; echo >dist/0.2.0/SHA256SUMS ;;
      qemu) mkdir -p "\${10%/*}"; echo '<svg/>' >"\${10}" ;;
      sign) grep -q secret "$(printf '%s\\n' "$@" | sed -n '/^--passphrase-file$/{n;p}')" ;;
    esac
    exit 0`,
};

/** A script of a job, and its additional environment. */
export interface JobScript {
  run: string;
  env?: Record<string, string>;
}

/**
 * Runs scripts one after the other as the steps of a job until one fails, each in bash as GitHub starts it.
 * @param env the whole environment of the job; variables that a step writes to the file `GITHUB_ENV` are added for the
 *   next steps
 */
export async function runJob(
  scripts: readonly JobScript[],
  { cwd, env }: { cwd: string; env: Record<string, string> & { GITHUB_ENV: string } },
): Promise<void> {
  for (const { run, env: own = {} } of scripts) {
    const lines = (await readFile(env.GITHUB_ENV, 'utf8')).split('\n').filter(Boolean);
    const set = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2)));
    const bash = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', run];
    await execa('/bin/bash', bash, { cwd, env: { ...env, ...set, ...own }, extendEnv: false });
  }
}

/** Paths of the locks that the profiles of a fork can have. */
const LOCKS = ['qvdc.alpine.x86_64', 'qvdc.debian.arm64'].map(
  (name) => `profiles/${name}.lock.json`,
);

/** A fork of the project, and stand-ins for the programs of a runner. */
export interface Fork {
  folder: string;
  /**
   * The home folder. If it has the file `moves`, locks change; `gh pr list` prints the file `proposed`; a command and a
   * base in the file `fails`, as `iso alpine`, fail.
   */
  home: string;
  /** Runs scripts one after the other in one job, each with its environment, until one fails. */
  job(scripts: readonly JobScript[]): Promise<void>;
  /** Commits once for each tag, and tags the commit. */
  tag(...tags: readonly string[]): Promise<void>;
  /** Returns the program and the arguments of each call. */
  calls(): Promise<string[][]>;
}

/**
 * @param env variables that the service sets in each of its jobs
 * @param bases the bases whose lock is committed
 */
export async function makeFork(
  env: Record<string, string>,
  bases: readonly BaseName[] = BASE_NAMES,
): Promise<Fork> {
  const [folder, home] = [await temporaryFolder(), await temporaryFolder()];
  const origin = join(home, 'origin.git');
  const git = (...args: string[]) => execa('git', args, { cwd: folder, env: { HOME: home } });
  await cp(KIT, join(folder, 'docs/ci'), { recursive: true });
  for (const path of ['profiles', 'release-keys']) await mkdir(join(folder, path));
  await writeFile(join(folder, 'release-keys/2026.pem'), '');
  await writeFile(join(home, 'locks'), `${LOCKS.join('\n')}\n`);
  for (const lock of LOCKS) {
    if (bases.some((base) => lock.includes(base))) await writeFile(join(folder, lock), '{}\n');
  }
  await git('init', '--quiet', '--bare', origin);
  await git('init', '--quiet', '--initial-branch=main');
  await git('remote', 'add', 'origin', origin);
  await git('add', '.');
  const author = ['-c', 'user.name=a', '-c', 'user.email=a@example.org'];
  await git(...author, 'commit', '--quiet', '--message', 'All');
  const log = join(home, 'calls');
  await writeFile(log, '');
  await mkdir(join(home, 'bin'));
  for (const [name, body] of Object.entries(PROGRAMS)) {
    // Both sides of a pipe call programs at the same time, so a lock keeps each record in one piece.
    const record = `{ flock 1; printf '%s\\0' ${name} "$@"; echo; } >>'${log}'`;
    const file = join(home, 'bin', name);
    await writeFile(file, `#!/bin/bash\n${record}\n${body}\n`);
    await chmod(file, 0o755);
  }
  const temporary = join(home, 'temp');
  await mkdir(temporary);
  const common = {
    ...{ GITHUB_ENV: join(home, 'env'), GITHUB_OUTPUT: join(home, 'output') },
    ...{ GITHUB_STEP_SUMMARY: join(home, 'summary'), RUNNER_TEMP: temporary },
    ...{ PATH: `${join(home, 'bin')}:/usr/bin:/bin`, HOME: home },
    ...{ GITHUB_WORKSPACE: folder, CI_PROJECT_DIR: folder, ...env },
  };
  await writeFile(common.GITHUB_ENV, '');
  return {
    folder,
    home,
    job: (scripts) => runJob(scripts, { cwd: folder, env: common }),
    async tag(...tags) {
      for (const tag of tags) {
        await git(...author, 'commit', '--quiet', '--allow-empty', '--message', tag);
        await git('tag', tag);
      }
    },
    async calls() {
      const lines = (await readFile(log, 'utf8')).split('\0\n').filter(Boolean);
      return lines.map((line) => line.split('\0'));
    },
  };
}

/** Returns lines about the remote cache of a build: its variables, and mode and content of the private key. */
export async function remoteCacheOf(fork: Fork): Promise<string[]> {
  const text = await readFile(join(fork.home, 'remote-cache'), 'utf8');
  return text.replaceAll(fork.home, '~').split('\n').filter(Boolean);
}

/** Returns the arguments of each call of a program. */
export async function programs(fork: Fork, name: string): Promise<string[][]> {
  return (await fork.calls()).filter(([program]) => program === name).map(([, ...args]) => args);
}

/**
 * Returns the command lines with which qx-build was called; `~` stands for the home folder.
 * @throws Error about the first command line that qx-build would refuse
 */
export async function commandsOf(fork: Fork): Promise<string[]> {
  const calls = (await programs(fork, 'npm')).filter(([word]) => word === 'run');
  const commands = calls.map((args) => args.slice(4));
  for (const command of commands) await checkCommand(command);
  return commands.map((words) => words.join(' ').replaceAll(fork.home, '~'));
}

/** Checks a command line of qx-build without running it. @throws Error about its mistake */
export async function checkCommand([name = '', ...args]: readonly string[]): Promise<void> {
  const module: Record<string, { registerPaths?: unknown }> = await import(
    `../../../tasks/commands/${name}.ts`
  );
  const command = module[`${name}Command`];
  if (typeof command?.registerPaths !== 'function') throw new Error(`there is no command ${name}`);
  const line = yargs([name, ...args])
    .option('json', { type: 'boolean' })
    .strict()
    .exitProcess(false)
    .fail((message, error: unknown) => {
      throw error instanceof Error ? error : new Error(message);
    });
  command.registerPaths(line, () => {});
  await line.parseAsync();
}

/** Returns the steps of GitHub with a script, with their expressions replaced. */
export function runSteps(steps: readonly Step[], values: Record<string, string>) {
  return steps.flatMap(({ run, env = {} }) => {
    if (run === undefined) return [];
    const filled = Object.entries(env).map(([name, value]) => [name, fill(value, values)]);
    return [{ run, env: Object.fromEntries(filled) }];
  });
}

function fill(value: string, values: Record<string, string>): string {
  return value.replace(/\$\{\{ (.*?) \}\}/g, (_, expression: string) => {
    const known = values[expression];
    if (known === undefined) throw new Error(`what is \${{ ${expression} }}?`);
    return known;
  });
}
