import { readFile } from 'node:fs/promises';
import { fromBinary, fromJson, isFieldSet, toBinary, toJson } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { enums, files, messages } from './contract.ts';

/*
 * Frozen messages: a host and a control plane of different versions understand each other only if these bytes do not
 * change. New fields are added here; existing ones stay.
 */
const golden = z
  .strictObject({
    messages: z.array(z.strictObject({ type: z.string(), binary: z.string(), json: z.json() })),
    enums: z.record(z.string(), z.record(z.string(), z.number())),
    methods: z.record(z.string(), z.tuple([z.string(), z.string(), z.string()])),
  })
  .parse(JSON.parse(await readFile(new URL('golden.json', import.meta.url), 'utf8')));

for (const { type, binary, json } of golden.messages) {
  test(`${type} ${binary.slice(-8)} keeps its bytes and its JSON`, () => {
    const schema = messages.find((one) => one.typeName === type);
    if (schema === undefined) throw new Error(`${type} is gone`);
    expect(Buffer.from(toBinary(schema, fromJson(schema, json))).toString('hex')).toBe(binary);
    expect(toJson(schema, fromBinary(schema, Buffer.from(binary, 'hex')))).toEqual(json);
  });
}

test.each(messages.map((schema) => [schema.typeName, schema] as const))(
  'each field of %s occurs in the frozen examples',
  (type, schema) => {
    const examples = golden.messages
      .filter((one) => one.type === type)
      .map(({ json }) => fromJson(schema, json));
    const missing = schema.fields.filter(
      (field) => !examples.some((message) => isFieldSet(message, field)),
    );
    expect(missing.map(({ name }) => name)).toEqual([]);
  },
);

test('the numbers of all enum values are unchanged', () => {
  const now = enums.map(({ typeName, values }) => [
    typeName,
    Object.fromEntries(values.map(({ name, number }) => [name, number])),
  ]);
  expect(Object.fromEntries(now)).toEqual(golden.enums);
});

test('the paths of all calls are unchanged', () => {
  const now = files
    .flatMap(({ services }) => services)
    .flatMap(({ typeName, methods }) =>
      methods.map(({ name, input, output, methodKind }) => [
        `/${typeName}/${name}`,
        [input.typeName, output.typeName, methodKind],
      ]),
    );
  expect(Object.fromEntries(now)).toEqual(golden.methods);
});
