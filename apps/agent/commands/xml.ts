/** A node of XML: an element, or text. */
export type Xml = Element | string;

export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Xml[];
}

type Value = string | number | bigint | undefined;

/** Makes an element; undefined attributes and children are left out. */
export function makeElement(
  name: string,
  attributes: Readonly<Record<string, Value>> = {},
  ...children: readonly (Xml | undefined)[]
): Element {
  const given = Object.entries(attributes).flatMap(([key, value]): [string, string][] =>
    value === undefined ? [] : [[key, String(value)]],
  );
  return {
    name,
    attributes: Object.fromEntries(given),
    children: children.filter((child) => child !== undefined),
  };
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** Characters that an XML 1.0 document cannot contain in any form (production 2, Char). */
const FORBIDDEN = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;

/**
 * Writes the XML of an element, without a declaration. Text is escaped, so that it never becomes markup.
 * @throws RangeError if a text has a character that XML cannot contain, which the caller must prevent
 */
export function writeXml(root: Element): string {
  return `${lines(root, '').join('\n')}\n`;
}

function lines({ name, attributes, children }: Element, indent: string): string[] {
  const head = Object.entries(attributes).map(([key, value]) => ` ${key}='${escapeXml(value)}'`);
  const tag = `${indent}<${name}${head.join('')}`;
  if (children.length === 0) return [`${tag}/>`];
  if (children.every((child) => typeof child === 'string')) {
    return [`${tag}>${children.map(escapeXml).join('')}</${name}>`];
  }
  const inner = children.flatMap((child) =>
    typeof child === 'string' ? [escapeXml(child)] : lines(child, `${indent}  `),
  );
  return [`${tag}>`, ...inner, `${indent}</${name}>`];
}

function escapeXml(text: string): string {
  const [bad] = FORBIDDEN.exec(text) ?? [];
  if (bad !== undefined) throw new RangeError(`XML cannot contain ${JSON.stringify(bad)}`);
  return text.replace(/[&<>"'\t\n\r]/g, (one) => ENTITIES[one] ?? one);
}
