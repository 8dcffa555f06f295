/**
 * Order of packages in the installed database: by name, capitals like small letters, and where that leaves two
 * equal, by bytes (apk-tools 2.14: `strcasecmp`, then `strcmp`).
 */
export function compareNames(a: string, b: string): number {
  return compareBytes(asciiLowerCase(a), asciiLowerCase(b)) || compareBytes(a, b);
}

/** Order by the bytes of UTF-8, as C's `strcmp`. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
