/** Times of an election, in milliseconds: `renewEvery` < `stepDownAfter` < `lease`. */
export interface ElectionTimes {
  /** How long a leader's lease lives without being renewed; whole seconds. */
  readonly lease: number;
  /** Between two renewals, and between two looks of a follower at who leads. */
  readonly renewEvery: number;
  /** After its last confirmed renewal a leader leads no more. The rest of its lease is for what it has begun. */
  readonly stepDownAfter: number;
}

export const ELECTION_TIMES: ElectionTimes = {
  lease: 15_000,
  renewEvery: 5_000,
  stepDownAfter: 10_000,
};
