/** Variables whose value is known without running anything; `undefined` is one that is known to be unknowable. */
export type Values = Map<string, string | undefined>;

/** `name=value` at the start of a line; what is indented may or may not be executed. */
const ASSIGNMENT = /^(\s*)(?:export\s+|local\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;
/** `: ${name:=value}`, quoted or not. */
const DEFAULT = /^:\s+"?\$\{([A-Za-z_][A-Za-z0-9_]*):?=([^}]*)\}"?\s*$/;
/** `"…"`, `'…'` or a bare word, and then nothing but a comment. */
const WORD = /^(?:"([^"`\\]*)"|'([^']*)'|([^\s"'`\\;&|<>()]*))\s*(?:#.*|;\s*)?$/;

/** Values that double themselves must not fill the memory; characters. */
const LONGEST_VALUE = 4096;

/**
 * Collects assignments of a shell script that are plain: at the start of a line, outside of functions, of literal
 * text and variables assigned before. A variable that is also assigned in another way becomes unknown.
 * @param values what is known before; changed
 */
export function collectValues(lines: readonly string[], values: Values): void {
  let inFunction = false;
  for (const line of lines) {
    if (/^[A-Za-z_][\w-]*\s*\(\)/.test(line)) inFunction = !/\}\s*$/.test(line);
    else if (line.startsWith('}')) inFunction = false;
    const [, name = '', fallback = ''] = DEFAULT.exec(line) ?? [];
    if (name !== '' && !values.has(name)) values.set(name, expanded(fallback, values));
    const [, indent, variable = '', value = ''] = ASSIGNMENT.exec(line) ?? [];
    if (variable === '') continue;
    const plain = indent === '' && !inFunction;
    values.set(variable, plain ? wordValue(value, values) : undefined);
  }
}

/** What a quoted or bare word stands for; `undefined` if only a shell could tell. */
export function wordValue(word: string, values: Values): string | undefined {
  const match = WORD.exec(word.trim());
  if (match === null) return undefined;
  const [, double, single, bare] = match;
  return single ?? expanded(double ?? bare ?? '', values);
}

/** Text with `$name`, `${name}` and `${name:-text}` filled in; `undefined` if a value is unknown. */
function expanded(text: string, values: Values): string | undefined {
  if (text.length > LONGEST_VALUE) return undefined;
  let unknown = false;
  const filled = text.replace(
    /\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?-([^${}`"']*))?\})/g,
    (_, plain?: string, braced?: string, fallback?: string) => {
      const name = plain ?? braced ?? '';
      const value = values.has(name) ? values.get(name) : fallback;
      unknown ||= value === undefined;
      return value ?? '';
    },
  );
  if (unknown || filled.length > LONGEST_VALUE) return undefined;
  return /[$`*?[\]\\]/.test(filled) ? undefined : filled;
}
