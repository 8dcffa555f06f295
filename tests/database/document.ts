import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

/** Where a command of a document can be run; `appliance with hosts`: hosts are connected to the control plane. */
const PLACES = ['appliance', 'appliance with hosts', 'development'] as const;
export type Place = (typeof PLACES)[number];

/** A command of the document. */
export interface DocumentCommand {
  readonly place: Place;
  /** One line for sh(1). */
  readonly command: string;
  /** Line of the document, from 1. */
  readonly line: number;
}

/** The document about the control plane's data. */
export const DOCUMENT = resolve(import.meta.dirname, '../../docs/database.md');

const FENCE = /^```(.*)$/;
const MARK = /^sh on (.*)$/;
/** Mark of a block that is part of a file, and not a command. */
const FILE_MARK = 'yaml';

/** The document for operators of nodes. */
export const OPERATOR_DOCUMENT = resolve(import.meta.dirname, '../../docs/operator.md');

/** The document about the port of agents, and backups. */
export const CONTROL_PLANE_DOCUMENT = resolve(import.meta.dirname, '../../docs/control-plane.md');

/**
 * Reads the commands of a document, in their order: the lines of blocks that begin with ```` ```sh on appliance ````,
 * ```` ```sh on appliance with hosts ```` or ```` ```sh on development ````.
 * @throws Error naming the line of a block that is marked otherwise, or is not closed
 */
export async function readCommands(document = DOCUMENT): Promise<DocumentCommand[]> {
  const commands: DocumentCommand[] = [];
  let place: Place | 'file' | undefined;
  const lines = (await readFile(document, 'utf8')).split('\n');
  for (const [index, text] of lines.entries()) {
    const line = index + 1;
    const [, mark] = FENCE.exec(text) ?? [];
    if (mark !== undefined && place !== undefined) place = undefined;
    else if (mark !== undefined) place = placeOf(mark, line);
    else if (place !== undefined && place !== 'file') commands.push({ place, command: text, line });
  }
  if (place !== undefined) throw new Error('the last block is not closed');
  return commands;
}

function placeOf(mark: string, line: number): Place | 'file' {
  if (mark === FILE_MARK) return 'file';
  const [, named] = MARK.exec(mark) ?? [];
  const place = PLACES.find((one) => one === named);
  if (place !== undefined) return place;
  const marks = PLACES.map((one) => `"sh on ${one}"`).join(', ');
  throw new Error(`line ${line}: a block is ${marks} or "yaml", not "${mark}"`);
}

/** Marks before and after the generated part of the document. */
const BEGIN = '<!-- schema -->\n';
const END = '<!-- /schema -->\n';

/** Replaces the generated part of the document. @throws Error if the document has no marks */
export function replaceSchema(document: string, schema: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error('the document has no place for the schema');
  return `${document.slice(0, begin)}${BEGIN}\n${schema}\n${document.slice(end)}`;
}
