import { expect, test } from 'vitest';
import { findMilestones, makeMilestonePattern } from '../../../build/qemu/milestones.ts';

test('milestones are found with their seconds, the first of each', () => {
  const log = `[    0.9] quantix: kernel 0.85
<4>quantix: medium 1.30
[    2.1] quantix: root 2.05
quantix: ready 9.80
[   20.1] quantix: kernel 0.91
`;
  expect([...findMilestones(log)]).toEqual([
    ['kernel', 0.85],
    ['medium', 1.3],
    ['root', 2.05],
    ['ready', 9.8],
  ]);
});

test.each([
  'quantix: ready 9.',
  'quantix: ready soon',
  'quantix: already 9.80',
  'quantix: ready 9.80 and more',
  'quantix: root 9.80',
])('%j is not the milestone ready', (line) => {
  expect(makeMilestonePattern('ready').test(line)).toBe(false);
  expect(findMilestones(`${line}\n`).has('ready')).toBe(false);
});
