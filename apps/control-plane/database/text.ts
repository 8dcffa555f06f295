import { type DescMessage, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf';

/*
 * What hosts send, as PostgreSQL takes it: it keeps no NUL in texts.
 */

/** A text in which nothing is lost: a NUL is shown as U+FFFD. */
export function withoutNul(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

/** A text for people, cut to so many characters at most. */
export function keptText(text: string, longest: number): string {
  return text.replaceAll('\0', '').slice(0, longest);
}

/** A message as JSON. */
export function messageJson<D extends DescMessage>(schema: D, message: MessageShape<D>): JsonValue {
  const text = JSON.stringify(toJson(schema, message));
  return JSON.parse(text, (_, value: unknown) =>
    typeof value === 'string' ? withoutNul(value) : value,
  ) as JsonValue;
}
