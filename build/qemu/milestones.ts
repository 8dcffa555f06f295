/** Points that every boot passes, in this order; `network` only where there is one. */
export const MILESTONES = ['kernel', 'medium', 'root', 'network', 'ready'] as const;
export type Milestone = (typeof MILESTONES)[number];

/** The line that a milestone writes: `quantix: ready 9.80`, with or without the kernel's time before it. */
export function milestonePattern(milestone: Milestone): RegExp {
  return new RegExp(`quantix: ${milestone} (\\d+\\.\\d+)$`, 'm');
}

/** Milestones in what a guest wrote → seconds since the kernel started; the first of each counts. */
export function milestonesIn(text: string): Map<Milestone, number> {
  const found = new Map<Milestone, number>();
  for (const milestone of MILESTONES) {
    const seconds = milestonePattern(milestone).exec(text)?.[1];
    if (seconds !== undefined) found.set(milestone, Number(seconds));
  }
  return found;
}
