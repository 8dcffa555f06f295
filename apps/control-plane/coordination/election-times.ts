/** Times of an election, in milliseconds: `renewEvery` < `stepDownAfter` < `lease`. */
export interface ElectionTimes {
  /** Time to live of a leader's lease; whole seconds. */
  readonly lease: number;
  /** Time between two renewals, and between two checks of the leader by a follower. */
  readonly renewEvery: number;
  /**
   * Time after its last confirmed renewal at which a leader steps down. The rest of its lease is for work already
   * begun.
   */
  readonly stepDownAfter: number;
}

export const ELECTION_TIMES: ElectionTimes = {
  lease: 15_000,
  renewEvery: 5_000,
  stepDownAfter: 10_000,
};
