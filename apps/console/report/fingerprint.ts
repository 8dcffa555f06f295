/** Formats a fingerprint for comparison by people: sixteen groups of four digits. */
export function formatFingerprint(fingerprint: string): string {
  return (fingerprint.toUpperCase().match(/.{4}/g) ?? []).join(' ');
}
