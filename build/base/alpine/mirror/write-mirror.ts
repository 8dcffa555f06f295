import { createPublicKey } from 'node:crypto';
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ARCHITECTURES } from '../../../architecture.ts';
import type { Lock, LockedPackage } from '../../../contract/lock.ts';
import { BuildError, must } from '../../../error.ts';
import { makeAtomically, writeFileAtomically } from '../../../process/atomic-write.ts';
import { indexText, makeSignedIndex, type Signer } from './signed-index.ts';

/** Input of `writeMirror`. */
export interface PartialMirror {
  /** Locks whose packages the mirror contains; several appliances may share it. */
  locks: readonly Lock[];
  /** SHA-256 of a package → its checked file on the host. */
  files: ReadonlyMap<string, string>;
  signer: Signer;
}

/**
 * Writes a mirror with exactly the packages of some locks, from which these appliances can be built without network:
 * `<directory>/<release>/<repository>/<arch>/`, each with a newly signed index, and the public key in
 * `<directory>/keys/`. Indexes are written last, so an incomplete mirror has none.
 * @throws BuildError if a lock is of another base, or the key cannot sign
 */
export async function writeMirror(
  directory: string,
  { locks, files, signer }: PartialMirror,
): Promise<void> {
  const indexes = Map.groupBy(locks.flatMap(placePackages), ({ index }) => index);
  for (const packages of indexes.values()) {
    for (const { repository, locked } of packages) {
      const file = join(directory, repository, locked.path);
      await mkdir(dirname(file), { recursive: true });
      await makeAtomically(file, (temporary) =>
        copyFile(must(files.get(locked.sha256), `file of ${locked.name}`), temporary),
      );
    }
  }
  const epoch = Math.max(...locks.map(({ sourceDateEpoch }) => sourceDateEpoch));
  for (const [place, packages] of indexes) {
    const unique = new Map(packages.map(({ locked }) => [locked.sha256, locked]));
    const text = indexText([...unique.values()]);
    const index = makeSignedIndex({ text, description: `partial ${place}`, epoch }, signer);
    await mkdir(join(directory, place), { recursive: true });
    await writeFileAtomically(join(directory, place, 'APKINDEX.tar.gz'), index);
  }
  await mkdir(join(directory, 'keys'), { recursive: true });
  const publicKey = createPublicKey(signer.privateKey).export({ type: 'spki', format: 'pem' });
  await writeFileAtomically(join(directory, 'keys', signer.keyName), publicKey.toString());
}

/** A locked package, the folder of its repository, and the folder of the index that lists it. */
interface PlacedPackage {
  locked: LockedPackage;
  repository: string;
  index: string;
}

function placePackages({ base, profile, architecture, ...lock }: Lock): PlacedPackage[] {
  if (base !== 'alpine') {
    throw new BuildError({
      what: `${profile} is locked for ${base}, and only Alpine mirrors can be written`,
      fix: 'Write BASE=alpine.',
    });
  }
  return lock.packages.map((locked) => {
    const state = lock.repositories[locked.repository];
    const { suite } = must(state, `state of the repository ${locked.repository}`);
    const repository = `${suite}/${locked.repository}`;
    return { locked, repository, index: `${repository}/${ARCHITECTURES[architecture].machine}` };
  });
}
