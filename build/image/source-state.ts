import { realpath } from 'node:fs/promises';
import { BuildError } from '../error.ts';
import type { LockRequest } from '../lock/current.ts';
import { run } from '../process/run.ts';
import { isOfProject } from '../profile/load.ts';

/** The source code that an image is built from. */
export interface SourceState {
  /** Hash of the commit, hex. */
  commit: string;
  /** Whether files differ from the commit or are not in it; files that git ignores do not count. */
  dirty: boolean;
}

/**
 * Reads the commit of a project.
 * @returns `undefined` if the project is not the root of a git repository, or git is missing or refuses to read it
 */
export async function readSourceState(
  projectDirectory: string,
  signal?: AbortSignal,
): Promise<SourceState | undefined> {
  // git takes no locks, so that it does not disturb other git commands.
  const options = { cwd: projectDirectory, env: { GIT_OPTIONAL_LOCKS: '0' }, signal };
  try {
    const [top, commit] = (
      await run('git', ['rev-parse', '--show-toplevel', '--verify', 'HEAD'], options)
    ).split('\n');
    // If the project is a copy inside another repository, that repository's commit says nothing about the project.
    if (top !== (await realpath(projectDirectory)) || commit === undefined) return undefined;
    const changed = await run('git', ['status', '--porcelain'], options);
    return { commit, dirty: changed !== '' };
  } catch (error) {
    if (error instanceof BuildError && signal?.aborted !== true) return undefined;
    throw error;
  }
}

/**
 * Reads the commit that an image is made from: that of the project.
 * @returns see `readSourceState`; `undefined` also for a profile outside the project, which the commit does not contain
 */
export async function readImageSource({
  profile,
  projectDirectory,
  signal,
}: Pick<LockRequest, 'profile' | 'projectDirectory' | 'signal'>): Promise<SourceState | undefined> {
  if (!isOfProject(profile, projectDirectory)) return undefined;
  return readSourceState(projectDirectory, signal);
}

/**
 * Combines the states before and after a build: the commit before it, and `dirty` unless the files were those of that
 * commit at both times.
 * @returns `undefined` if either state is `undefined`
 */
export function combineStates(
  before: SourceState | undefined,
  after: SourceState | undefined,
): SourceState | undefined {
  if (before === undefined || after === undefined) return undefined;
  const { commit } = before;
  return { commit, dirty: before.dirty || after.dirty || after.commit !== commit };
}

/**
 * Requires that a project's files are those of a commit, so that it can be released.
 * @throws BuildError if it has no commit, or files differ from it
 */
export async function requireCommit(projectDirectory: string, signal?: AbortSignal): Promise<void> {
  const state = await readSourceState(projectDirectory, signal);
  if (state?.dirty === false) return;
  if (state === undefined) {
    throw new BuildError({
      what: 'a release is built from a commit, but this is not a git repository, or git refuses to read it',
      where: projectDirectory,
      fix: 'Build it in a clone in which `git status` works.',
    });
  }
  throw new BuildError({
    what: `a release is built from a commit, but files differ from ${state.commit.slice(0, 12)}`,
    where: projectDirectory,
    fix: 'Commit or remove what `git status` lists.',
  });
}
