import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from '../unit/folder.ts';
import { test } from './world/test.ts';

/** Hours of virtual time; each takes four seconds of a processor, since the agent looks as often as it does. */
const HOURS = Number(process.env.QUANTIX_IDLE_HOURS ?? 3);

/** Bytes by which the heap may differ from one hour to another: a look an hour has 120 of would show with 500 each. */
const NOISE = 128 * 1024;

/** In libvirt's place: it finds no machine, and tells of no event. */
const VIRSH = `#!/bin/sh
case "$*" in
*event*) exec sleep 1000000 ;;
esac
printf x >>"\${0%/*}/looks"
echo 'Running against daemon: 9.0.0'
`;

const hourSchema = z.object({
  heap: z.number(),
  looks: z.number(),
  descriptors: z.number(),
  children: z.number(),
  lines: z.number(),
});

test('an agent of a machine on which nothing happens grows by nothing: neither memory nor open files, processes or its log', async () => {
  const folder = await temporaryFolder();
  const programs = join(folder, 'programs');
  await mkdir(programs);
  await writeFile(join(programs, 'virsh'), VIRSH);
  await chmod(join(programs, 'virsh'), 0o755);
  const script = join(import.meta.dirname, 'world/idle-agent.ts');
  const { stdout } = await execa(
    'unshare',
    ['--net', process.execPath, '--expose-gc', script, folder, programs, String(HOURS)],
    { stderr: 'inherit' },
  );
  // The agent's log is there too.
  const told = stdout.split('\n').filter((line) => line.startsWith('{'));
  const hours = told.map((line) => hourSchema.parse(JSON.parse(line)));
  expect(hours).toHaveLength(HOURS);
  // In the first hour code is compiled and what is kept once comes to be.
  const [first, ...later] = hours.slice(1);
  for (const [index, { heap, looks, ...taken }] of later.entries()) {
    const { heap: firstHeap, looks: firstLooks, ...firstTaken } = first!;
    expect(taken).toEqual(firstTaken);
    expect(looks - firstLooks).toBe(120 * (index + 1));
    expect(heap - firstHeap).toBeLessThan(NOISE);
  }
}, 600_000);
