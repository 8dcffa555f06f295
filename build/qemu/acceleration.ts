import { existsSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ARCHITECTURES, type ArchitectureName, canRunHere } from '../architecture.ts';
import { BuildError } from '../error.ts';
import { writeFileAtomically } from '../process/atomic-write.ts';
import { makeScratchFolder } from '../process/scratch-folder.ts';
import { readToolVersion } from '../process/tool-version.ts';
import { Guest } from './guest.ts';
import type { Acceleration } from './machine.ts';

/** Variable with which the user chooses. */
const OVERRIDE = 'QUANTIX_QEMU_ACCEL';

/** Seconds within which a kernel under working KVM writes its first line. */
const FIRST_LINE = 8;

const answerSchema = z.object({ host: z.string(), acceleration: z.enum(['kvm', 'tcg']) });

/**
 * Determines whether guests run under KVM, by running one: /dev/kvm may exist although guests hang. The result is
 * remembered until QEMU or the host's kernel changes.
 * @param kernel a Linux kernel to run
 * @param architecture the kernel's architecture; KVM is possible only if it is the host's
 * @param memory file in which the result is remembered
 * @throws BuildError if the variable `QUANTIX_QEMU_ACCEL` is neither kvm nor tcg
 */
export async function findAcceleration(
  kernel: string,
  architecture: ArchitectureName,
  memory: string,
): Promise<Acceleration> {
  const wish = process.env[OVERRIDE];
  if (wish === 'kvm' || wish === 'tcg') return wish;
  if (wish !== undefined && wish !== '') {
    throw new BuildError({
      what: `${OVERRIDE} is ${JSON.stringify(wish)}`,
      fix: 'Set it to kvm or tcg.',
    });
  }
  if (!canRunHere(ARCHITECTURES[architecture])) return 'tcg';
  const device = statSync('/dev/kvm', { throwIfNoEntry: false });
  if (device === undefined) return 'tcg';
  const version = await readToolVersion(ARCHITECTURES[architecture].qemu.program);
  const host = `${version} ${release()} ${device.ino} ${device.mode}`;
  const known = readAnswer(memory);
  if (known?.host === host) return known.acceleration;
  const acceleration = (await runsUnderKvm(kernel, architecture)) ? 'kvm' : 'tcg';
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

async function runsUnderKvm(kernel: string, architecture: ArchitectureName): Promise<boolean> {
  const directory = await makeScratchFolder('qx-build-kvm-');
  try {
    const { serial, qemu } = ARCHITECTURES[architecture];
    const cmdline = `console=${serial} ${qemu.earlyConsole} panic=-1`;
    await using guest = await Guest.start(
      {
        architecture,
        firmware: 'bios',
        medium: { as: 'kernel', kernel, cmdline },
        memory: 256,
        cpus: 1,
      },
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
