/** Hashes of what is recorded or reported of a node; see `StateHash`. */
export interface Hashes {
  readonly vms: string;
  readonly pools: string;
}

/** What a control plane has recorded of one node. */
export interface Recorded extends Hashes {
  readonly managementAddress: string;
}

/** What a fleet needs of a control plane, and what it is judged by. */
export interface Plane {
  /** `https://host:port`. */
  readonly origin: string;
  /** A join token that nobody has used. */
  token(): Promise<string>;
  /** All nodes, by their ids. @param form of the hashes; see `StateHash.form` */
  recorded(form: number): Promise<ReadonlyMap<string, Recorded>>;
  /**
   * What it has recorded that cannot be, in words: of what no host told, twice of one virtual machine, not as the hash says
   * that it gives out. Asked when all else is right.
   */
  contradictions(): Promise<readonly string[]>;
  /** Has a virtual machine's node do something to it within a minute; nothing comes of one that is not recorded. */
  act(nodeId: string, verb: 'startVm' | 'shutdownVm', vmId: string): Promise<void>;
  /** Tasks whose deadline has passed, and which nobody has ended; their ids. */
  overdue(): Promise<readonly string[]>;
  /** Tasks that are not ended. */
  openTasks(): Promise<number>;
}
