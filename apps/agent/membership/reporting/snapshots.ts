import { oneAtATime } from '../../../watch/one-at-a-time.ts';
import { type Snapshot, type SnapshotOptions, takeSnapshot } from './snapshot.ts';
import { VmMessages } from './vm-message.ts';

/** Takes snapshots of the host, one after another, so that an older one never replaces a newer one. */
export class Snapshots {
  /** Takes a snapshot that begins after this call; concurrent callers share one. */
  readonly take: () => Promise<Snapshot>;
  #latest: Snapshot | undefined;

  constructor(options: SnapshotOptions) {
    const messages = new VmMessages();
    this.take = oneAtATime(async () => {
      this.#latest = await takeSnapshot(options, messages);
      return this.#latest;
    });
  }

  /** The last snapshot, if there is one. */
  get latest(): Snapshot | undefined {
    return this.#latest;
  }
}
