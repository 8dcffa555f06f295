import { BuildError } from '../../../error.ts';

/** Tags that fit the bits of a number. */
const MOST_TAGS = 31;

/** The tag of repositories that have none, and of packages wanted from them. */
export const NO_TAG = 0;

/** Repository tags, numbered in the order in which world, installed packages and repositories name them. */
export class Tags {
  readonly #names: string[] = [''];
  readonly #repositories: number[] = [0];

  get count(): number {
    return this.#names.length;
  }

  /**
   * The number of a tag, given to it if it is new.
   * @param name without `@`; empty for no tag
   * @throws BuildError if there are more than fit
   */
  number(name: string): number {
    const known = this.#names.indexOf(name);
    if (known >= 0) return known;
    if (this.#names.length >= MOST_TAGS) {
      throw new BuildError({ what: `there are more than ${MOST_TAGS - 1} repository tags` });
    }
    this.#repositories.push(0);
    return this.#names.push(name) - 1;
  }

  /** The name of a tag, without `@`. */
  name(tag: number): string {
    return this.#names[tag] ?? '';
  }

  /** Lets a tag mean one more repository. */
  allow(tag: number, repository: number): void {
    this.#repositories[tag] = this.repositories(tag) | (1 << repository);
  }

  /** Repositories that a tag means, a bit each. */
  repositories(tag: number): number {
    return this.#repositories[tag] ?? 0;
  }

  /** Repositories that any of the tags in a set means. @param set a bit for each tag */
  repositoriesOfSet(set: number): number {
    return this.#repositories.reduce(
      (all, repositories, tag) => ((set & (1 << tag)) === 0 ? all : all | repositories),
      0,
    );
  }

  /** The first tag of a set that means one of some repositories; `NO_TAG` if none does. */
  firstOf(set: number, repositories: number): number {
    const found = this.#repositories.findIndex(
      (own, tag) => (set & (1 << tag)) !== 0 && (own & repositories) !== 0,
    );
    return Math.max(found, NO_TAG);
  }
}
