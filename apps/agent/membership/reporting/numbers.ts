/** Converts a count for a `uint64`: truncated, and never below 0. */
export function toUint64(value: number): bigint {
  return Number.isFinite(value) && value > 0 ? BigInt(Math.trunc(value)) : 0n;
}

/** Converts a count for a `uint32`: truncated, and within its range. */
export function toUint32(value: number): number {
  return Number.isFinite(value) && value > 0 ? Math.min(Math.trunc(value), 0xffff_ffff) : 0;
}
