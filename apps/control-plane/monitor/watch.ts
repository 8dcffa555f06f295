import type { NodePhase } from '../database/repositories/nodes.ts';
import { MISSED_HEARTBEATS as MISSED } from '../heartbeat-times.ts';

/** Phases that silence ends; what an administrator decided stays. */
const WATCHED: ReadonlySet<NodePhase> = new Set(['READY', 'NOT_READY']);

/** What is to be done after a look. */
export interface Decisions {
  /** Nodes that become DISCONNECTED. */
  readonly disconnect: readonly string[];
  /** Nodes that are to have an open alert of their own. */
  readonly alert: readonly string[];
  /** Whether so many went silent at once that the alert is about this program instead; undefined: too early to tell. */
  readonly isMass: boolean | undefined;
}

/** Most nodes have gone silent within one interval. */
interface MassSilence {
  readonly ids: Set<string>;
  readonly heldUntil: number;
}

/**
 * Decides which nodes are not heard of. Times are milliseconds of a monotonic clock. Silence counts from the last message that
 * this program took and from when it began to watch, whichever is later.
 */
export class NodeWatch {
  readonly #interval: number;
  readonly #heard = new Map<string, number>();
  /** When nodes were first spared because most went silent: once in a silence. */
  readonly #spared = new Map<string, number>();
  #began: number | undefined;
  #lookedAt = 0;
  #notBefore = 0;
  #mass: MassSilence | undefined;

  /** @param interval milliseconds between two heartbeats of a node */
  constructor(interval: number) {
    this.#interval = interval;
  }

  /** A message of a node was taken. */
  heard(id: string, now: number): void {
    this.#heard.set(id, now);
    this.#spared.delete(id);
  }

  /** Begins to watch: every node has the whole time from now on. */
  begin(now: number): void {
    this.#began = now;
    this.#lookedAt = now;
    this.#notBefore = now;
    this.#mass = undefined;
    this.#spared.clear();
  }

  /** Milliseconds for which a node has been silent. */
  silence(id: string, now: number): number {
    return now - Math.max(this.#heard.get(id) ?? -Infinity, this.#began ?? now);
  }

  /** @param nodes all that are members, with the phases that are recorded */
  look(nodes: readonly { id: string; phase: NodePhase }[], now: number): Decisions {
    this.#forgetOthers(new Set(nodes.map(({ id }) => id)));
    // It was paused, or the database was away: what the nodes sent meanwhile may not be taken yet.
    if (now - this.#lookedAt > this.#interval / 2) this.#notBefore = now + this.#interval;
    this.#lookedAt = now;
    const isSilent = (id: string, intervals: number) =>
      this.silence(id, now) > intervals * this.#interval;
    const mayDecide = now >= this.#notBefore;
    const watched = nodes.filter(({ phase }) => WATCHED.has(phase)).map(({ id }) => id);
    const due = mayDecide ? watched.filter((id) => isSilent(id, MISSED)) : [];
    this.#endMass((id) => isSilent(id, MISSED - 1));
    if (due.length > 0) {
      // Those that went silent up to one interval after the first of them.
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

  /** It was not this program if only some stay silent: these have alerts of their own from then on. */
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
