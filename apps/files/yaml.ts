import type { Document } from 'yaml';
import type { ExplainedError, Explanation } from '../error.ts';

/** The text of a YAML file, and what is thrown of one that cannot be read. */
export interface YamlFile {
  text: string;
  /** How people call the file. */
  file: string;
  Failure: new (explanation: Explanation) => ExplainedError;
}

/**
 * Parses YAML; the parser is loaded when there is something to parse.
 * @throws Failure naming the file and the line of the first mistake
 */
export async function parseYaml({ text, file, Failure }: YamlFile): Promise<Document.Parsed> {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0].line;
    const where = line === undefined ? file : `${file}, line ${line}`;
    throw new Failure({ what: error.message.split('\n')[0] ?? 'not YAML', where });
  }
  return document;
}

/** What a document says. @throws Failure naming the file */
export function contentOf(
  document: Document.Parsed,
  { file, Failure }: Omit<YamlFile, 'text'>,
): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    // Aliases that would multiply without end.
    throw new Failure({ what: 'this YAML cannot be read', where: file, cause });
  }
}
