/** Milestones of a boot, in order. All boots have them, except that `network` needs an address. */
export const MILESTONES = ['kernel', 'medium', 'root', 'network', 'ready'] as const;
export type Milestone = (typeof MILESTONES)[number];

/**
 * Matches the line of a milestone: the appliance's namespace, the milestone and the time, such as `hello: ready 9.80`,
 * optionally preceded by the kernel's time.
 */
export function makeMilestonePattern(milestone: Milestone): RegExp {
  return new RegExp(`[a-z0-9-]: ${milestone} (\\d+\\.\\d+)$`, 'm');
}

/** Finds milestones in a guest's output: milestone → seconds since the kernel started, at its first occurrence. */
export function findMilestones(text: string): Map<Milestone, number> {
  const found = new Map<Milestone, number>();
  for (const milestone of MILESTONES) {
    const seconds = makeMilestonePattern(milestone).exec(text)?.[1];
    if (seconds !== undefined) found.set(milestone, Number(seconds));
  }
  return found;
}
