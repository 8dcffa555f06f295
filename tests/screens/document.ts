/** A mark in a document, and the picture that belongs below it. */
const PICTURE = /<!-- screen: ([a-z0-9-]+) -->\n```\n[\s\S]*?```\n/g;

/**
 * Returns a document with the pictures of screens, in code fences, below their marks `<!-- screen: NAME -->`.
 * @param screens pictures by their names
 * @throws if a mark names an unknown screen, or a screen has no mark
 */
export function withScreens(markdown: string, screens: ReadonlyMap<string, string>): string {
  const shown = new Set<string>();
  const text = markdown.replace(PICTURE, (_, name: string) => {
    const picture = screens.get(name);
    if (picture === undefined) throw new Error(`there is no screen ${name}`);
    shown.add(name);
    return `<!-- screen: ${name} -->\n\`\`\`\n${picture}\`\`\`\n`;
  });
  const missing = [...screens.keys()].filter((name) => !shown.has(name));
  if (missing.length > 0) throw new Error(`no mark for ${missing.join(', ')}`);
  return text;
}
