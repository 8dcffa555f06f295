import type { Document } from 'yaml';
import type { ExplainedError, Explanation } from '../error.ts';

/** Text of a YAML file, and the class of errors to throw if it cannot be read. */
export interface YamlFile {
  text: string;
  /** Name of the file in messages. */
  file: string;
  Failure: new (explanation: Explanation) => ExplainedError;
}

/**
 * Parses YAML. The parser is loaded at the first call.
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

/** Returns the value of a document. @throws Failure naming the file */
export function readContent(
  document: Document.Parsed,
  { file, Failure }: Omit<YamlFile, 'text'>,
): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    // The parser refuses aliases that expand to too much.
    throw new Failure({ what: 'this YAML cannot be read', where: file, cause });
  }
}
