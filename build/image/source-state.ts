import { realpath } from 'node:fs/promises';
import { BuildError } from '../error.ts';
import type { LockRequest } from '../lock/current.ts';
import { run } from '../process/run.ts';
import { isOfProject } from '../profile/load.ts';

/** Which sources an image is built from. */
export interface SourceState {
  /** Hash of the commit, hex. */
  commit: string;
  /** Whether files differ from it, or are not in it; those that git ignores do not count. */
  dirty: boolean;
}

/**
 * The commit of a project.
 * @returns `undefined` if it is no git repository of its own, or git is not there or refuses
 */
export async function readSourceState(
  projectDirectory: string,
  signal?: AbortSignal,
): Promise<SourceState | undefined> {
  // It only looks: whoever uses git meanwhile is not in its way.
  const options = { cwd: projectDirectory, env: { GIT_OPTIONAL_LOCKS: '0' }, signal };
  try {
    const [top, commit] = (
      await run('git', ['rev-parse', '--show-toplevel', '--verify', 'HEAD'], options)
    ).split('\n');
    // A copy somewhere below another repository is none of that one's commits.
    if (top !== (await realpath(projectDirectory)) || commit === undefined) return undefined;
    const changed = await run('git', ['status', '--porcelain'], options);
    return { commit, dirty: changed !== '' };
  } catch (error) {
    if (error instanceof BuildError && signal?.aborted !== true) return undefined;
    throw error;
  }
}

/**
 * The commit that an image is made from: that of the project.
 * @returns see `readSourceState`; `undefined` also for a profile from outside, of which the project's commit says nothing
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
 * What was built from, of the states before and after a build: the commit before it, and whether all the while the files
 * were those of that commit.
 * @returns `undefined` if either is
 */
export function stateThroughout(
  before: SourceState | undefined,
  after: SourceState | undefined,
): SourceState | undefined {
  if (before === undefined || after === undefined) return undefined;
  const { commit } = before;
  return { commit, dirty: before.dirty || after.dirty || after.commit !== commit };
}

/**
 * Sees to it that a project can be released: it is a commit, as it is.
 * @throws BuildError if it is none, or files differ from it
 */
export async function requireCommit(projectDirectory: string, signal?: AbortSignal): Promise<void> {
  const state = await readSourceState(projectDirectory, signal);
  if (state?.dirty === false) return;
  if (state === undefined) {
    throw new BuildError({
      what: 'a release is built from a commit, and this is no git repository, or git refuses',
      where: projectDirectory,
      fix: 'Build it in a clone in which `git status` works.',
    });
  }
  throw new BuildError({
    what: `a release is built from a commit, and files differ from ${state.commit.slice(0, 12)}`,
    where: projectDirectory,
    fix: 'Commit or remove what `git status` lists.',
  });
}
