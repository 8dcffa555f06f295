import { expect, test } from 'vitest';
import { parsePolicy } from '../../../../apps/guests/policy.ts';

const USUAL = { order: 1000, stop: 'shutdown' };
const within = (element: string) => `<domain><metadata>\n  ${element}\n</metadata></domain>`;

test('a policy is read with any XML prefix and quotes', () => {
  expect(
    parsePolicy(
      within('<quantix:guest xmlns:quantix="urn:quantix:guest:1" order="7" stop="save"/>'),
    ),
  ).toEqual({ order: 7, stop: 'save' });
  expect(
    parsePolicy(
      within("<a:x xmlns:a='b'/><q:guest stop='save' xmlns:q='urn:quantix:guest:1'></q:guest>"),
    ),
  ).toEqual({ order: 1000, stop: 'save' });
});

test.each([
  ['nothing', ''],
  [
    'no metadata',
    '<domain><quantix:guest xmlns:quantix="urn:quantix:guest:1" order="7"/></domain>',
  ],
  ['another namespace', within('<q:guest xmlns:q="urn:quantix:guest:2" order="7" stop="save"/>')],
  ['invalid values', within('<q:guest xmlns:q="urn:quantix:guest:1" order="-1" stop="never"/>')],
  ['a number too large', within('<q:guest xmlns:q="urn:quantix:guest:1" order="100000"/>')],
  [
    'an element that does not end',
    '<metadata><q:guest xmlns:q="urn:quantix:guest:1" order="7"</metadata>',
  ],
  ['text in an attribute', within('<q:guest title=" order=7" xmlns:q="urn:quantix:guest:1"/>')],
])('%s means the default policy', (_, xml) => {
  expect(parsePolicy(xml)).toEqual(USUAL);
});
