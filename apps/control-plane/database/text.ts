import { type DescMessage, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf';

/* Conversion of texts from hosts for PostgreSQL, whose texts cannot contain NUL. */

/** Replaces each NUL of a text by U+FFFD. */
export function replaceNul(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

/** Removes each NUL of a text, and cuts it to a number of characters. */
export function cleanText(text: string, longest: number): string {
  return text.replaceAll('\0', '').slice(0, longest);
}

/** Converts a message to JSON, without NULs. */
export function toMessageJson<D extends DescMessage>(
  schema: D,
  message: MessageShape<D>,
): JsonValue {
  const json = toJson(schema, message);
  const text = JSON.stringify(json);
  // Nearly all messages have none: JSON writes a NUL as this escape.
  if (!text.includes('\\u0000')) return json;
  return JSON.parse(text, (_, value: unknown) =>
    typeof value === 'string' ? replaceNul(value) : value,
  ) as JsonValue;
}
