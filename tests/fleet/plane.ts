/** Hashes of the recorded or reported state of a node; see `StateHash`. */
export interface Hashes {
  readonly vms: string;
  readonly pools: string;
}

/** The record of one node in a control plane. */
export interface Recorded extends Hashes {
  readonly managementAddress: string;
}

/** The functions of a control plane that a fleet needs, and those that check its records. */
export interface Plane {
  /** `https://host:port`. */
  readonly origin: string;
  /** Creates a join token. */
  token(): Promise<string>;
  /** Reads all nodes by id. @param form of the hashes; see `StateHash.form` */
  recorded(form: number): Promise<ReadonlyMap<string, Recorded>>;
  /**
   * Describes impossible records: of objects that no host reported, of one virtual machine twice, or inconsistent with
   * the published hash. Called when all other records are correct.
   */
  contradictions(): Promise<readonly string[]>;
  /** Gives a virtual machine's node a task for it, with a deadline of a minute; no effect if it is not recorded. */
  act(nodeId: string, verb: 'startVm' | 'shutdownVm', vmId: string): Promise<void>;
  /** Ids of tasks that are open past their deadline. */
  overdue(): Promise<readonly string[]>;
  /** Number of open tasks. */
  openTasks(): Promise<number>;
}
