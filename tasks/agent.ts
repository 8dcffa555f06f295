import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BuildError } from '../build/error.ts';
import type { PreparedImage } from '../build/image/prepare.ts';
import { makeAtomically } from '../build/process/atomic-write.ts';
import { computeDigest } from '../build/release/files.ts';
import { type ProgramRelease, signProgram } from '../build/release/program.ts';
import type { Signer } from '../build/release/signer.ts';
import { ImageBuild } from './image-build.ts';
import type { Output } from './ui/events.ts';
import { formatBytes } from './ui/format.ts';

/** Name of the agent among the programs. */
const AGENT = 'qx-node';

/** A minute and a day in milliseconds. */
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Time from which the minutes of the default serial are counted. */
const FIRST_MINUTE = Date.UTC(2026, 0, 1);

/** How to sign an agent. */
export interface AgentSigning {
  signer: Signer;
  /** Serial number; minutes since 2026 if absent. */
  serial: number | undefined;
  /** Lowest serial that a host accepts once it has confirmed this agent; the serial itself if absent. */
  floor: number | undefined;
  /** Days after which hosts refuse the agent. */
  days: number;
  now: Date;
}

/**
 * Makes the programs of an image and, from them, the file of an agent.
 * @returns its path
 * @throws BuildError if the profile has no agent, or it cannot be made
 */
export async function writeAgent(
  prepared: PreparedImage,
  { signer, serial: given, floor, days, now }: AgentSigning,
  output: Output,
): Promise<string> {
  const report = { say: output.say, progress: () => {} };
  const build = new ImageBuild(prepared);
  const { sea } = prepared.plan;
  const { profile, lock, version, programs } = prepared.facts;
  if (sea === undefined || !profile.programs.includes(AGENT)) {
    throw new BuildError({ what: `${profile.name} has no ${AGENT}`, where: 'programs' });
  }
  // The base's own Node is in its packages, which have to be fetched first.
  if (programs?.runtime.from === 'package') await build.fetch(report);
  const { directory } = await build.make(sea, report);
  const executable = join(directory, profile.programPrefix);
  const serial = given ?? Math.floor((now.getTime() - FIRST_MINUTE) / MINUTE);
  const { architecture } = profile;
  const { size: bytes, sha256 } = await computeDigest(executable);
  const release: ProgramRelease = {
    ...{ format: 1, product: profile.name, program: AGENT, version, architecture, serial },
    base: lock.base,
    floor: floor ?? serial,
    issued: now.toISOString(),
    expires: new Date(now.getTime() + days * DAY).toISOString(),
    ...{ bytes, sha256 },
  };
  const head = await signProgram(release, [signer]);
  const name = `${AGENT}-${version}-${lock.base}-${architecture}.agent`;
  const file = join(dirname(prepared.file), name);
  await mkdir(dirname(file), { recursive: true });
  await makeAtomically(file, (temporary) =>
    pipeline(Readable.from(parts(head, executable)), createWriteStream(temporary)),
  );
  output.say(
    `${file}: ${AGENT} ${version}, serial ${serial}, until ${release.expires.slice(0, 10)}, ${formatBytes(release.bytes)}`,
  );
  return file;
}

async function* parts(head: string, executable: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(head);
  yield* createReadStream(executable);
}
