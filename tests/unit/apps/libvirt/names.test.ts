import { expect, test } from 'vitest';
import { findUuid, parseDefinedName } from '../../../../apps/libvirt/domain.ts';
import { isUuid, parseUuid } from '../../../../apps/libvirt/uuid.ts';

const ID = '9f1b2c3d-0000-4000-8000-00000000abcd';

test('a VM is named by its UUID, in upper or lower case', () => {
  expect(parseUuid(ID.toUpperCase())).toBe(ID);
});

test.each([
  '',
  '1',
  'web',
  '--all',
  '../9f1b2c3d-0000-4000-8000-00000000abcd',
  `${ID}\n`,
  ` ${ID}`,
  `${ID}; destroy web`,
  ID.replaceAll('-', ''),
  `{${ID}}`,
  '00000000-0000-0000-0000-000000000000',
  'x'.repeat(100_000),
])('a text that is not a UUID is refused: %.50j', (text) => {
  expect(isUuid(text)).toBe(false);
  expect(() => parseUuid(text)).toThrow(/is not the UUID of a VM$/);
});

test('the name of a new VM is read from the output of virsh, with any characters', () => {
  expect(parseDefinedName("Domain 'web' defined from /tmp/a/definition.xml\n\n")).toBe('web');
  const odd = "it' defined from 'b";
  expect(parseDefinedName(`Domain '${odd}' defined from /tmp/definition.xml`)).toBe(odd);
  expect(parseDefinedName('error: no')).toBeUndefined();
});

test('the UUID of a machine is found only by its exact name', () => {
  const other = '6695eb01-f6a4-8304-79aa-97f2502e193f';
  const list = [`${other} web server`, `${ID} web `, 'rubbish', ''].join('\n');
  expect(findUuid('web', list)).toBe(ID);
  expect(findUuid('server', list)).toBeUndefined();
  expect(findUuid('', list)).toBeUndefined();
});
