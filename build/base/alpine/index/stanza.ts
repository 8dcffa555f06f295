import { BuildError } from '../../../error.ts';

/**
 * One package of an index (`APKINDEX`) or of the installed database (`/lib/apk/db/installed`). In both, each line is a
 * letter, a colon and a value, and a blank line ends each package (apk-tools, format v2).
 */
export interface Stanza {
  /**
   * Letter → value, including unknown letters. The lists `D p i r` may be spread over several lines, which are joined
   * with a blank; of any other letter, the last line is used. Lines about files (`F M R a Z`) are only in `text`.
   */
  readonly fields: ReadonlyMap<string, string>;
  /** Number of its first line, from 1. */
  readonly line: number;
  /** All its lines. */
  readonly text: string;
  /** The fields that the solver reads, if the parser extracted them; see `readSolverFields`. */
  readonly picked?: SolverFields | undefined;
}

/**
 * The fields of a package that the solver reads, by letter. An index has tens of thousands of packages: the solver
 * reads these fields of all of them, and the other fields only of the few packages that it chooses.
 */
export class SolverFields {
  P: string | undefined = undefined;
  V: string | undefined = undefined;
  A: string | undefined = undefined;
  C: string | undefined = undefined;
  I: string | undefined = undefined;
  k: string | undefined = undefined;
  D: string | undefined = undefined;
  p: string | undefined = undefined;
  i: string | undefined = undefined;
  s: string | undefined = undefined;
  f: string | undefined = undefined;
  /** The first capital letter that is not a known field. */
  unknown: string | undefined = undefined;

  /** Adds one field, as in `Stanza.fields`: its value is the text between two positions. Other fields are ignored. */
  take(letter: string, text: string, from: number, to: number): void {
    switch (letter) {
      case 'P':
        this.P = text.slice(from, to);
        return;
      case 'V':
        this.V = text.slice(from, to);
        return;
      case 'A':
        this.A = text.slice(from, to);
        return;
      case 'C':
        this.C = text.slice(from, to);
        return;
      case 'I':
        this.I = text.slice(from, to);
        return;
      case 'k':
        this.k = text.slice(from, to);
        return;
      case 's':
        this.s = text.slice(from, to);
        return;
      case 'f':
        this.f = text.slice(from, to);
        return;
      case 'D':
        this.D = joined(this.D, text.slice(from, to));
        return;
      case 'p':
        this.p = joined(this.p, text.slice(from, to));
        return;
      case 'i':
        this.i = joined(this.i, text.slice(from, to));
        return;
      case 'T':
      case 'U':
      case 'L':
      case 'S':
      case 'F':
      case 'M':
      case 'R':
      case 'Z':
        return;
      default:
        if (letter >= 'A' && letter <= 'Z') this.unknown ??= letter;
    }
  }
}

/** Appends a further line to a list that may be spread over several lines. */
function joined(list: string | undefined, more: string): string {
  return list === undefined ? more : `${list} ${more}`;
}

/**
 * Returns the fields that the solver reads: `picked` if present, because a parsed stanza has to build `fields` first.
 */
export function readSolverFields(stanza: Pick<Stanza, 'fields' | 'picked'>): SolverFields {
  if (stanza.picked !== undefined) return stanza.picked;
  const made = new SolverFields();
  for (const [letter, value] of stanza.fields) made.take(letter, value, 0, value.length);
  return made;
}

/** A stanza that builds its fields from its text on first use. */
class ParsedStanza implements Stanza {
  readonly picked: SolverFields;
  readonly line: number;
  readonly text: string;
  #fields: Map<string, string> | undefined;

  constructor(picked: SolverFields, line: number, text: string) {
    this.picked = picked;
    this.line = line;
    this.text = text;
  }

  get fields(): ReadonlyMap<string, string> {
    if (this.#fields !== undefined) return this.#fields;
    const fields = new Map<string, string>();
    for (const line of this.text.split('\n')) {
      if (line !== '') set(fields, line.charAt(0), line.slice(2));
    }
    this.#fields = fields;
    return fields;
  }
}

const COLON = 0x3a;

/**
 * Parses a plain-text index or installed database. Values are not interpreted.
 * @param text the file; a value may be of any length, and the last package may end without a blank line
 * @param where the file, for messages
 * @throws BuildError naming the line that is not a letter, a colon and a value
 */
export function parseStanzas(text: string, where: string): Stanza[] {
  const stanzas: Stanza[] = [];
  let picked = new SolverFields();
  let [first, start, number] = [0, 0, 0];
  for (let from = 0; from < text.length; ) {
    number += 1;
    const newline = text.indexOf('\n', from);
    const end = newline < 0 ? text.length : newline;
    if (end === from) {
      if (first > 0) stanzas.push(new ParsedStanza(picked, first, text.slice(start, from)));
      first = 0;
    } else {
      if (first === 0) {
        picked = new SolverFields();
        first = number;
        start = from;
      }
      if (text.charCodeAt(from + 1) !== COLON || end < from + 2)
        throw notAField(text.slice(from, end), number, where);
      picked.take(text.charAt(from), text, from + 2, end);
    }
    from = end + 1;
  }
  if (first > 0) stanzas.push(new ParsedStanza(picked, first, text.slice(start)));
  return stanzas;
}

function set(fields: Map<string, string>, letter: string, value: string): void {
  switch (letter) {
    case 'F':
    case 'M':
    case 'R':
    case 'a':
    case 'Z':
      return;
    case 'D':
    case 'p':
    case 'i':
    case 'r': {
      const before = fields.get(letter);
      fields.set(letter, before === undefined ? value : `${before} ${value}`);
      return;
    }
    default:
      fields.set(letter, value);
  }
}

function notAField(line: string, number: number, where: string): BuildError {
  const shown = JSON.stringify(line.length > 80 ? `${line.slice(0, 80)}…` : line);
  return new BuildError({
    what: `line ${number} is not a letter, a colon and a value: ${shown}`,
    where,
    fix: 'The file is damaged or is no package index.',
  });
}

/**
 * Returns a mandatory field of a package.
 * @throws BuildError if it is missing
 */
export function requireField({ fields, line }: Stanza, letter: string, where: string): string {
  const value = fields.get(letter);
  if (value !== undefined && value !== '') return value;
  throw new BuildError({
    what: `package ${fields.get('P') ?? '(without a name)'} has no field ${letter}:`,
    where: `${where}, line ${line}`,
    fix: 'The file is damaged; fetch it again or use another mirror.',
  });
}
