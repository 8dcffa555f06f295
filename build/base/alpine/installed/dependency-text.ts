/**
 * A list of dependencies as apk writes it, whatever way it was written: one blank between them, and of the
 * operator's characters only what they mean (`~=` is `~`, `=>` is `>=`).
 */
export function dependencyList(text: string): string {
  return text
    .split(/[ \t\n]+/)
    .filter((word) => word !== '')
    .map(dependencyText)
    .join(' ');
}

/**
 * One dependency as apk writes it: `!name`, `name@tag`, `name>=1.2`, `name~1.2`, `name><Q1…`.
 */
export function dependencyText(word: string): string {
  const match = /^([^<>=~]+)([<>=~]+)(.+)$/.exec(word);
  if (match === null) return word;
  const [, name = '', operator = '', version = ''] = match;
  return `${name}${operatorText(operator)}${version}`;
}

function operatorText(operator: string): string {
  const has = (sign: string) => operator.includes(sign);
  if (has('<') && has('>')) return '><';
  const direction = has('<') ? '<' : has('>') ? '>' : '';
  if (has('~')) return `${direction}~`;
  return `${direction}${has('=') ? '=' : ''}`;
}
