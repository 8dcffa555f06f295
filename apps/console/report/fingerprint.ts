/** Sixteen groups of four digits, in which people compare them. */
export function fingerprintText(fingerprint: string): string {
  return (fingerprint.toUpperCase().match(/.{4}/g) ?? []).join(' ');
}
