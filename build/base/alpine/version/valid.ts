const VERSION =
  /^[0-9]+(?:\.[0-9]+)*[a-z]?(?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*(?:~[0-9a-f]+)?(?:-r[0-9]+)?$/;

/**
 * Whether text is a version by the rules of apk-tools 3, which are stricter than those of 2.14:
 * `digits{.digits}[letter]{_suffix[number]}[~hash][-rNUMBER]`, nothing empty.
 */
export function isValidVersion(text: string): boolean {
  return VERSION.test(text);
}
