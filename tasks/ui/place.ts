import { existsSync, statSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';

/** A place in a file of the project, where CI can show a message. */
export interface Place {
  /** Path relative to the project. */
  file: string;
  /** From 1. */
  line?: number | undefined;
  column?: number | undefined;
}

/** Formats of places in errors: a path, optionally with line and column in one of two notations. */
const WHERE = /^(.*?)(?:(?:, line |:)([1-9]\d{0,8})(?:(?:, column |:)([1-9]\d{0,8}))?)?$/s;

/**
 * Returns the place that an error refers to.
 * @param where `where` of an `Explanation`; a relative path is relative to the working folder
 * @returns nothing if it is not a file of the project
 */
export function placeIn(project: string, where: string): Place | undefined {
  const [, path = '', line, column] = WHERE.exec(where) ?? [];
  const file = relative(project, resolve(path));
  if (file.split(sep)[0] === '..' || !existsSync(path) || !statSync(path).isFile()) return;
  return { file, line: numberOf(line), column: numberOf(column) };
}

function numberOf(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}
