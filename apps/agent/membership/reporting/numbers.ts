/** A count of bytes or the like for a `uint64`: whole, and never below 0. */
export function uint64(value: number): bigint {
  return Number.isFinite(value) && value > 0 ? BigInt(Math.trunc(value)) : 0n;
}

/** A count for a `uint32`: whole, and within its range. */
export function uint32(value: number): number {
  return Number.isFinite(value) && value > 0 ? Math.min(Math.trunc(value), 0xffff_ffff) : 0;
}
