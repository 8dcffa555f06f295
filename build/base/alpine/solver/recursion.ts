/** A piece of recursive work: what it yields is done before it goes on. */
export type Work = Generator<Work, void, void>;

/**
 * Does a piece of work and all that it yields, depth first, without using up the stack: chains of dependencies may
 * be as long as an index, and indexes come from outside.
 */
export function carryOut(work: Work): void {
  const stack: Work[] = [work];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const step = top.next();
    if (step.done === true) stack.pop();
    else stack.push(step.value);
  }
}
