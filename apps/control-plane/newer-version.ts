/** Whether a version such as 1.10.0 is newer than another; false if either is not such a version. */
export function isNewerVersion(one: string, other: string): boolean {
  const isVersion = (text: string) => /^\d+(\.\d+)*$/.test(text);
  const byNumber = new Intl.Collator('en', { numeric: true });
  return isVersion(one) && isVersion(other) && byNumber.compare(one, other) > 0;
}
