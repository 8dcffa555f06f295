import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from '../unit/folder.ts';
import { test } from './world/test.ts';

/**
 * Hours of virtual time. Each takes four seconds of processor time for the agent's checks, so a whole day would take
 * longer than any other test of this kind; growth shows from the third hour on, because each hour does the same.
 */
const HOURS = Number(process.env.QUANTIX_IDLE_HOURS ?? 3);

/**
 * Bytes by which the memory of objects and buffers may differ between hours. An hour has 120 checks, so a leak of more
 * than 1 kB per check is found.
 */
const NOISE = 128 * 1024;

/** A stand-in for virsh: it reports no machines and no events. */
const VIRSH = `#!/bin/sh
case "$*" in
*event*) exec sleep 1000000 ;;
esac
printf x >>"\${0%/*}/looks"
echo 'Running against daemon: 9.0.0'
`;

const hourSchema = z.object({
  memory: z.number(),
  looks: z.number(),
  descriptors: z.number(),
  children: z.number(),
  lines: z.number(),
});

test('on an idle machine the agent’s memory, open files, processes and log do not grow', async () => {
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
  // The output also contains the agent's log.
  const told = stdout.split('\n').filter((line) => line.startsWith('{'));
  const hours = told.map((line) => hourSchema.parse(JSON.parse(line)));
  expect(hours).toHaveLength(HOURS);
  // The first hour does not count: code is compiled, and permanent objects are created.
  const [first, ...later] = hours.slice(1);
  for (const [index, { memory, looks, ...taken }] of later.entries()) {
    const { memory: firstMemory, looks: firstLooks, ...firstTaken } = first!;
    expect(taken).toEqual(firstTaken);
    expect(looks - firstLooks).toBe(120 * (index + 1));
    expect(memory - firstMemory).toBeLessThan(NOISE);
  }
}, 600_000);
