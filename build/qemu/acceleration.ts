import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { BuildError } from '../error.ts';
import { writeFileAtomically } from '../process/atomic-write.ts';
import { toolVersion } from '../process/tool-version.ts';
import { Guest } from './guest.ts';
import type { Acceleration } from './machine.ts';

/** Variable by which a person decides. */
const OVERRIDE = 'QUANTIX_QEMU_ACCEL';

/** Seconds in which a kernel that really runs on the CPU has written its first line. */
const FIRST_LINE = 8;

const answerSchema = z.object({ host: z.string(), acceleration: z.enum(['kvm', 'tcg']) });

/**
 * Finds out whether guests really run under KVM here, by running one: that /dev/kvm exists says little, where
 * guests hang under it. The answer is remembered until QEMU or the host's kernel changes.
 * @param kernel a Linux kernel to run
 * @param memory file that holds the answer
 * @throws BuildError if the variable `QUANTIX_QEMU_ACCEL` says neither kvm nor tcg
 */
export async function findAcceleration(kernel: string, memory: string): Promise<Acceleration> {
  const wish = process.env[OVERRIDE];
  if (wish === 'kvm' || wish === 'tcg') return wish;
  if (wish !== undefined && wish !== '') {
    throw new BuildError({
      what: `${OVERRIDE} is ${JSON.stringify(wish)}`,
      fix: 'Set it to kvm or tcg.',
    });
  }
  const device = statSync('/dev/kvm', { throwIfNoEntry: false });
  if (device === undefined) return 'tcg';
  const version = await toolVersion('qemu-system-x86_64');
  const host = `${version} ${release()} ${device.ino} ${device.mode}`;
  const known = readAnswer(memory);
  if (known?.host === host) return known.acceleration;
  const acceleration = (await runsUnderKvm(kernel)) ? 'kvm' : 'tcg';
  await mkdir(dirname(memory), { recursive: true });
  await writeFileAtomically(memory, JSON.stringify({ host, acceleration }));
  return acceleration;
}

function readAnswer(file: string): z.infer<typeof answerSchema> | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return answerSchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function runsUnderKvm(kernel: string): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'quantix-kvm-'));
  try {
    const cmdline = 'console=ttyS0 earlyprintk=ttyS0 panic=-1';
    await using guest = await Guest.start(
      { firmware: 'bios', medium: { as: 'kernel', kernel, cmdline }, memory: 256, cpus: 1 },
      { acceleration: 'kvm', log: join(directory, 'serial.log'), patience: FIRST_LINE },
    );
    await guest.waitFor(/Linux version/);
    return true;
  } catch (error) {
    if (error instanceof BuildError) return false;
    throw error;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
