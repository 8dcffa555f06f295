import type { NodePhase } from '../database/repositories/nodes.ts';
import { MISSED_HEARTBEATS as MISSED } from '../heartbeat-times.ts';

/** Phases that silence ends; phases that an administrator set stay. */
const WATCHED: ReadonlySet<NodePhase> = new Set(['READY', 'NOT_READY']);

/** What to do after a check. */
export interface Decisions {
  /** Nodes to set to DISCONNECTED. */
  readonly disconnect: readonly string[];
  /** Nodes that must have an open alert of their own. */
  readonly alert: readonly string[];
  /**
   * Whether so many nodes went silent at once that the alert is about this program instead; undefined if it is too
   * early to tell.
   */
  readonly isMass: boolean | undefined;
}

/** A mass silence: most nodes went silent within one interval. */
interface MassSilence {
  readonly ids: Set<string>;
  readonly heldUntil: number;
}

/**
 * Decides which nodes are silent. Times are milliseconds of a monotonic clock. Silence begins with the last message
 * that this program received, or with the start of watching, whichever is later.
 */
export class NodeWatch {
  readonly #interval: number;
  readonly #heard = new Map<string, number>();
  /**
   * Id of a node that is set to DISCONNECTED one interval later because of a mass silence → when the delay began. A
   * node is delayed only once until it is heard again.
   */
  readonly #spared = new Map<string, number>();
  #began: number | undefined;
  #lookedAt = 0;
  #notBefore = 0;
  #mass: MassSilence | undefined;

  /** @param interval milliseconds between two heartbeats of a node */
  constructor(interval: number) {
    this.#interval = interval;
  }

  /** Records that a message of a node was received. */
  heard(id: string, now: number): void {
    this.#heard.set(id, now);
    this.#spared.delete(id);
  }

  /** Starts watching: silence is measured from now at the earliest. */
  begin(now: number): void {
    this.#began = now;
    this.#lookedAt = now;
    this.#notBefore = now;
    this.#mass = undefined;
    this.#spared.clear();
  }

  /** Returns for how many milliseconds a node has been silent. */
  silence(id: string, now: number): number {
    return now - Math.max(this.#heard.get(id) ?? -Infinity, this.#began ?? now);
  }

  /** Checks which nodes are silent. @param nodes all members, with their recorded phases */
  look(nodes: readonly { id: string; phase: NodePhase }[], now: number): Decisions {
    this.#forgetOthers(new Set(nodes.map(({ id }) => id)));
    // This program was paused, or the database was unavailable: messages from that time may still be unprocessed.
    if (now - this.#lookedAt > this.#interval / 2) this.#notBefore = now + this.#interval;
    this.#lookedAt = now;
    const isSilent = (id: string, intervals: number) =>
      this.silence(id, now) > intervals * this.#interval;
    const mayDecide = now >= this.#notBefore;
    const watched = nodes.filter(({ phase }) => WATCHED.has(phase)).map(({ id }) => id);
    const due = mayDecide ? watched.filter((id) => isSilent(id, MISSED)) : [];
    this.#endMass((id) => isSilent(id, MISSED - 1));
    if (due.length > 0) {
      // Include those that went silent up to one interval after the first of them.
      const gone = watched.filter((id) => isSilent(id, MISSED - 1));
      if (this.#mass === undefined && gone.length >= 2 && gone.length * 2 > watched.length) {
        this.#mass = { ids: new Set(gone), heldUntil: now + this.#interval };
        for (const id of gone) if (!this.#spared.has(id)) this.#spared.set(id, now);
      }
    }
    const mass = this.#mass;
    if (mass !== undefined && now < mass.heldUntil) {
      for (const id of due) {
        mass.ids.add(id);
        if (!this.#spared.has(id)) this.#spared.set(id, now);
      }
    }
    const disconnect = due.filter((id) => {
      const sparedAt = this.#spared.get(id);
      const isHeld = mass !== undefined && sparedAt !== undefined;
      return !isHeld || now >= sparedAt + this.#interval;
    });
    const gone = new Set(disconnect);
    const alert = nodes
      .filter(({ id, phase }) => gone.has(id) || (phase === 'DISCONNECTED' && isSilent(id, MISSED)))
      .map(({ id }) => id)
      .filter((id) => mayDecide && mass?.ids.has(id) !== true);
    const isKnown = mayDecide && now - (this.#began ?? now) > MISSED * this.#interval;
    return { disconnect, alert, isMass: mass !== undefined || (isKnown ? false : undefined) };
  }

  /**
   * Ends a mass silence once only some nodes stay silent: this program was not the cause, and these nodes get alerts of
   * their own.
   */
  #endMass(isSilent: (id: string) => boolean): void {
    if (this.#mass === undefined) return;
    const { ids } = this.#mass;
    const rest = [...ids].filter(isSilent).length;
    if (rest < 2 || rest * 2 <= ids.size) this.#mass = undefined;
  }

  #forgetOthers(members: ReadonlySet<string>): void {
    for (const id of this.#heard.keys()) if (!members.has(id)) this.#heard.delete(id);
    for (const id of this.#spared.keys()) if (!members.has(id)) this.#spared.delete(id);
    for (const id of this.#mass?.ids ?? []) if (!members.has(id)) this.#mass?.ids.delete(id);
  }
}
