/** A recursive task as a generator: each task it yields is completed before it continues. */
export type Work = Generator<Work, void, void>;

/**
 * Runs a task and all tasks that it yields, depth first, with an explicit stack: a hostile index can have a chain of
 * dependencies longer than the call stack allows.
 */
export function runTasks(work: Work): void {
  const stack: Work[] = [work];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const step = top.next();
    if (step.done === true) stack.pop();
    else stack.push(step.value);
  }
}
