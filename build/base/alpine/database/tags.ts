import { BuildError } from '../../../error.ts';

/** Maximum number of tags that a bit set can hold. */
const MOST_TAGS = 31;

/** Number that stands for no tag. */
export const NO_TAG = 0;

/** Repository tags, numbered in the order in which world, installed packages and repositories mention them. */
export class Tags {
  readonly #names: string[] = [''];
  readonly #repositories: number[] = [0];

  get count(): number {
    return this.#names.length;
  }

  /**
   * Returns the number of a tag; a new tag gets one.
   * @param name without `@`; empty for no tag
   * @throws BuildError if there are too many tags
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

  /** Returns the name of a tag, without `@`. */
  name(tag: number): string {
    return this.#names[tag] ?? '';
  }

  /** Adds a repository to those that a tag stands for. */
  allow(tag: number, repository: number): void {
    this.#repositories[tag] = this.repositories(tag) | (1 << repository);
  }

  /** Returns the bit set of the repositories that a tag stands for. */
  repositories(tag: number): number {
    return this.#repositories[tag] ?? 0;
  }

  /** Returns the bit set of the repositories that any tag of a set stands for. @param set a bit for each tag */
  repositoriesOfSet(set: number): number {
    return this.#repositories.reduce(
      (all, repositories, tag) => ((set & (1 << tag)) === 0 ? all : all | repositories),
      0,
    );
  }

  /** Returns the first tag of a set that stands for any of the given repositories; `NO_TAG` if none does. */
  firstOf(set: number, repositories: number): number {
    const found = this.#repositories.findIndex(
      (own, tag) => (set & (1 << tag)) !== 0 && (own & repositories) !== 0,
    );
    return Math.max(found, NO_TAG);
  }
}
