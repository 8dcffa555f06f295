import { formatDependency, parseAtom, splitList } from '../dependency/dependency.ts';

/**
 * A list of dependencies as apk writes it, whatever way it was written: one blank between them, and operators in
 * their usual form (`~=` is `~`, `=>` is `>=`).
 */
export function dependencyList(text: string): string {
  return splitList(text).map(dependencyText).join(' ');
}

/** One dependency as apk writes it; what is none stays as it is. */
export function dependencyText(word: string): string {
  const dependency = parseAtom(word, (name) => name);
  return dependency === undefined ? word : formatDependency(dependency);
}
